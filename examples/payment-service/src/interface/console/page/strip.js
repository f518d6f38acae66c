import { makeSvg, set } from './dom.js';
import { timeOfDay } from './clock.js';

const words = { h: 'healthy', d: 'degraded', u: 'unhealthy', '.': 'not asked' };
const heights = { h: 9, d: 13, u: 18, '.': 3 };

/** The history of a check: one bar a slot, the higher the worse. */
export function makeStrip() {
  return makeSvg('svg', { class: 'strip', viewBox: '0 0 240 18', preserveAspectRatio: 'none', role: 'img' });
}

export function showStrip(strip, name, marks, slotMs) {
  if (strip.kitMarks === marks) return;
  strip.kitMarks = marks;
  const end = (Math.floor(Date.now() / slotMs) + 1) * slotMs;
  strip.replaceChildren(
    ...[...marks].map((mark, index) =>
      makeSvg(
        'rect',
        {
          class: `mark-${words[mark].split(' ')[0]}`,
          x: index * 4,
          y: 18 - heights[mark],
          width: 3,
          height: heights[mark],
          rx: 0.5,
        },
        makeSvg('title', {}, `${timeOfDay(end - (marks.length - index) * slotMs)} ${words[mark]}`),
      ),
    ),
  );
  set(strip, 'aria-label', `${name}, ${summary(marks, slotMs)}`);
}

function summary(marks, slotMs) {
  const count = (mark) => marks.split(mark).length - 1;
  const asked = marks.length - count('.');
  if (asked === 0) return 'no results in the last 15 minutes';
  const parts = ['u', 'd', 'h']
    .filter((mark) => count(mark) > 0)
    .map((mark) => `${words[mark]} in ${count(mark)}`);
  return `${parts.join(', ')} of the last ${asked} spans of ${slotMs / 1_000} s`;
}
