import { makeSvg } from './dom.js';

// Each state has a shape of its own: colour alone tells too few people.
const shapes = {
  ok: ['circle', 'M5 8.2 7.2 10.4 11 6'],
  warn: ['triangle', 'M8 6.2v3M8 11.2v.1'],
  bad: ['circle', 'M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4'],
  busy: ['circle', 'M8 4.8V8l2 1.4'],
  unknown: ['circle', 'M5.4 8h5.2'],
};
const outlines = {
  circle: 'M8 1.2a6.8 6.8 0 1 1 0 13.6a6.8 6.8 0 1 1 0-13.6z',
  triangle: 'M8 1.6 15.2 14H.8z',
};

/** A state as a small picture; the words beside it say the same. */
export function icon(state) {
  const [outline, mark] = shapes[state] ?? shapes.unknown;
  return makeSvg(
    'svg',
    { class: `icon ${state}`, viewBox: '0 0 16 16', 'aria-hidden': 'true' },
    makeSvg('path', { class: 'outline', d: outlines[outline] }),
    makeSvg('path', { class: 'sign', d: mark }),
  );
}

/** Replaces the picture in a holder when its state has changed. */
export function showIcon(holder, state) {
  if (holder.dataset.state === state) return;
  holder.dataset.state = state;
  holder.replaceChildren(icon(state));
}
