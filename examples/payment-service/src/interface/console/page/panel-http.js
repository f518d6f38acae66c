import { makePlot } from './plot.js';

/** Requests a second, share of errors and p95. */
export function createHttpPanel(body) {
  const rate = makePlot({ label: 'Requests per second', tone: 'calm', least: 1, format: rateText });
  const errors = makePlot({ label: 'Error rate', tone: 'alarm', least: 0.05, format: shareText });
  const p95 = makePlot({ label: '95 % answered within', tone: 'steady', least: 10, format: msText });
  body.append(rate.element, errors.element, p95.element);
  return ({ points, reachMs }) => {
    rate.show(
      points.map(([at, perSecond]) => [at, perSecond]),
      reachMs,
    );
    errors.show(
      points.map(([at, , ratio]) => [at, ratio]),
      reachMs,
    );
    p95.show(
      points.map(([at, , , ms]) => [at, ms ?? undefined]),
      reachMs,
    );
  };
}

export const rateText = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(1)) + ' /s';
export const shareText = (value) => `${(value * 100).toFixed(value >= 0.1 || value === 0 ? 0 : 1)} %`;
export const msText = (value) =>
  value >= 1_000 ? `${(value / 1_000).toFixed(1)} s` : `${Math.round(value)} ms`;
