import { make, makeSvg, part, set, setText } from './dom.js';
import { timeOfDay } from './clock.js';

const width = 300;
const height = 90;

/**
 * A line over time. The pointer, or the arrow keys once it has the focus, read single points.
 *
 * @param {{ label: string, tone: string, format: (value: number) => string, least: number }} options
 *   `least` is the smallest scale, so that noise does not look like mountains.
 */
export function makePlot({ label, tone, format, least }) {
  const svg = makeSvg(
    'svg',
    {
      class: `plot ${tone}`,
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: 'none',
      role: 'img',
      tabindex: 0,
    },
    ...[0.25, 0.5, 0.75].map((share) =>
      makeSvg('path', { class: 'grid', d: `M0 ${height * share}H${width}` }),
    ),
    makeSvg('path', { class: 'area', 'data-part': 'area' }),
    makeSvg('path', { class: 'line', 'data-part': 'line' }),
    makeSvg('path', { class: 'line alone', 'data-part': 'alone' }),
    makeSvg('path', { class: 'cursor', 'data-part': 'cursor' }),
  );
  const element = make(
    'figure',
    {},
    make('figcaption', {}, make('span', {}, label), make('output', { 'data-part': 'value' })),
    make('div', { class: 'canvas' }, svg, make('span', { class: 'scale', 'data-part': 'scale' })),
    make(
      'p',
      { class: 'axis' },
      make('span', {}, '15 min ago'),
      make('span', { 'data-part': 'when' }, 'now'),
    ),
  );
  let points = [];
  /** What was measured last; none when there was nothing to measure. */
  let latest;
  let window = { from: 0, to: 1 };
  /** The index of the point that is read; none for the latest. */
  let chosen;

  const xOf = (at) => ((at - window.from) / (window.to - window.from)) * width;
  const tell = () => {
    const value = chosen === undefined ? latest : points[chosen][1];
    setText(part(element, 'value'), value === undefined ? '–' : format(value));
    setText(part(element, 'when'), chosen === undefined ? 'now' : timeOfDay(points[chosen][0]));
    const x = chosen === undefined ? undefined : xOf(points[chosen][0]).toFixed(1);
    set(part(element, 'cursor'), 'd', x && `M${x} 0V${height}`);
  };
  const choose = (index) => {
    chosen =
      index === undefined || points.length === 0
        ? undefined
        : Math.min(points.length - 1, Math.max(0, index));
    tell();
  };
  svg.addEventListener('pointermove', ({ offsetX }) => {
    const at = window.from + (offsetX / svg.clientWidth) * (window.to - window.from);
    const later = points.findIndex((point) => point[0] >= at);
    choose(later === -1 ? undefined : later);
  });
  svg.addEventListener('pointerleave', () => choose(undefined));
  svg.addEventListener('blur', () => choose(undefined));
  svg.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    choose((chosen ?? points.length - 1) + step);
  });

  return {
    element,
    /** @param {[at: number, value: number | undefined][]} all Oldest first; points without a value break the line. */
    show(all, reachMs) {
      const to = all.at(-1)?.[0] ?? Date.now();
      window = { from: to - reachMs, to };
      latest = all.at(-1)?.[1] ?? undefined;
      points = all.filter(([, value]) => value !== undefined && value !== null);
      if (chosen !== undefined && chosen >= points.length) chosen = undefined;
      const top = niceTop(Math.max(least, ...points.map(([, value]) => value)));
      const runs = runsOf(all).map((run) =>
        run.map(
          ([at, value]) => `${xOf(at).toFixed(1)} ${(height - 2 - (value / top) * (height - 6)).toFixed(1)}`,
        ),
      );
      const ends = (run) => [run[0].split(' ')[0], run.at(-1).split(' ')[0]];
      const isAlone = (run) => run.length === 1;
      const linesOf = (some) => some.map((run) => `M${run.join('L')}`).join('');
      set(part(element, 'line'), 'd', linesOf(runs.filter((run) => !isAlone(run))));
      set(
        part(element, 'alone'),
        'd',
        runs
          .filter(isAlone)
          .map((run) => `M${run[0]}h.1`)
          .join(''),
      );
      set(
        part(element, 'area'),
        'd',
        runs.map((run) => `M${ends(run)[0]} ${height}L${run.join('L')}L${ends(run)[1]} ${height}Z`).join(''),
      );
      setText(part(element, 'scale'), format(top));
      const peak = points.length === 0 ? undefined : Math.max(...points.map(([, value]) => value));
      set(
        svg,
        'aria-label',
        peak === undefined
          ? `${label}: no data yet`
          : `${label}: ${latest === undefined ? 'nothing' : format(latest)} now, at most ${format(peak)} in the last 15 minutes. Arrow keys read single points.`,
      );
      tell();
    },
  };
}

/** The stretches without a gap. */
function runsOf(all) {
  const runs = [[]];
  for (const point of all) {
    if (point[1] === undefined || point[1] === null) runs.push([]);
    else runs.at(-1).push(point);
  }
  return runs.filter((run) => run.length > 0);
}

/** The next of 1, 2, 5 times a power of ten. */
function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= value) ?? value;
}
