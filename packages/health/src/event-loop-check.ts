import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Check } from './check.js';
import { requireDelay, requireText } from './rules.js';

/** Options of `eventLoopCheck`. */
export interface EventLoopCheckOptions {
  /** @default 'event-loop' */
  name?: string;
  /** Milliseconds of p99 delay above which the process is degraded, > 0. @default 200 */
  maxDelayMs?: number;
  /** Milliseconds a measurement covers, > 0. @default 10000 */
  windowMs?: number;
}

const resolutionMs = 10;
const samplesForAP99 = 100;

/**
 * Degraded while the event loop's delay has a p99 above 200 ms, over the last 10 to 20 s.
 *
 * @example
 * ```ts
 * import { createHealth, eventLoopCheck } from '@kit/health';
 *
 * createHealth().add(eventLoopCheck(), { critical: false });
 * ```
 */
export function eventLoopCheck(options: EventLoopCheckOptions = {}): Check {
  const name = requireText('name', options.name ?? 'event-loop');
  const maxDelayMs = requireDelay('maxDelayMs', options.maxDelayMs ?? 200);
  const windowMs = requireDelay('windowMs', options.windowMs ?? 10_000);
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  let previousMs = 0;
  // The histogram is cumulative: without new windows one bad hour would stay in it for days.
  const timer = setInterval(() => {
    previousMs = p99(histogram);
    histogram.reset();
  }, windowMs).unref();

  return {
    name,
    check() {
      // A young window has too few samples for a p99: the one before speaks with it.
      const currentMs = p99(histogram);
      const delayMs = histogram.count < samplesForAP99 ? Math.max(previousMs, currentMs) : currentMs;
      const metadata = { p99Ms: Math.round(delayMs) };
      return delayMs > maxDelayMs
        ? { status: 'degraded', message: `event loop delay p99 is ${Math.round(delayMs)} ms`, metadata }
        : { status: 'healthy', metadata };
    },
    close() {
      clearInterval(timer);
      histogram.disable();
    },
  };
}

/** Node measures the time between two ticks of a timer, so the timer's own period is part of every value. */
function p99(histogram: ReturnType<typeof monitorEventLoopDelay>): number {
  return histogram.count === 0 ? 0 : Math.max(0, histogram.percentile(99) / 1e6 - resolutionMs);
}
