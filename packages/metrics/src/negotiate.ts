import { OPENMETRICS } from './client.js';
import type { Format } from './exposition.js';

/** The format a scraper asks for by `Accept` (RFC 9110 §12.5.1); text for browsers and for everything unknown. */
export function negotiate(accept: string | undefined): Format {
  if (accept === undefined || accept.length > 4_096) return 'text';
  let openMetrics = 0;
  let text = 0;
  for (const entry of accept.toLowerCase().split(',')) {
    const [type, ...parameters] = entry.split(';').map((part) => part.trim());
    const q = quality(parameters);
    if (type === OPENMETRICS && isKnownVersion(parameters)) openMetrics = Math.max(openMetrics, q);
    if (type === 'text/plain') text = Math.max(text, q);
  }
  return openMetrics > 0 && openMetrics >= text ? 'openmetrics' : 'text';
}

function quality(parameters: readonly string[]): number {
  const given = parameters.find((parameter) => parameter.startsWith('q='));
  const q = given === undefined ? 1 : Number(given.slice(2));
  return q >= 0 && q <= 1 ? q : 0;
}

function isKnownVersion(parameters: readonly string[]): boolean {
  const version = parameters.find((parameter) => parameter.startsWith('version='))?.slice('version='.length);
  return version === undefined || version === '1.0.0' || version === '0.0.1';
}
