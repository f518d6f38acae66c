import { getHeapStatistics } from 'node:v8';
import type { Check } from './check.js';
import { requireNumber, requireText } from './rules.js';

/** Options of `memoryCheck`. */
export interface MemoryCheckOptions {
  /** @default 'memory' */
  name?: string;
  /** Share of V8's heap limit, > 0 and <= 1. @default 0.9 */
  maxHeapRatio?: number;
  /** Share of the container's memory limit, > 0 and <= 1; without a limit it is not looked at. @default 0.9 */
  maxRssRatio?: number;
}

/**
 * Degraded above 90 % of V8's heap limit or of the container's memory limit; never unhealthy, a restart is not its call.
 *
 * @example
 * ```ts
 * import { createHealth, memoryCheck } from '@kit/health';
 *
 * createHealth().add(memoryCheck(), { critical: false });
 * ```
 */
export function memoryCheck(options: MemoryCheckOptions = {}): Check {
  const name = requireText('name', options.name ?? 'memory');
  const range = { above: 0, max: 1 };
  const maxHeapRatio = requireNumber('maxHeapRatio', options.maxHeapRatio ?? 0.9, range);
  const maxRssRatio = requireNumber('maxRssRatio', options.maxRssRatio ?? 0.9, range);
  return {
    name,
    check() {
      const { used_heap_size: heapUsedBytes, heap_size_limit: heapLimitBytes } = getHeapStatistics();
      const rssBytes = process.memoryUsage.rss();
      const rssLimitBytes = containerLimit();
      const metadata = {
        heapUsedBytes,
        heapLimitBytes,
        rssBytes,
        ...(rssLimitBytes === undefined ? {} : { rssLimitBytes }),
      };
      if (heapUsedBytes / heapLimitBytes > maxHeapRatio)
        return {
          status: 'degraded',
          message: `${percent(heapUsedBytes / heapLimitBytes)} of the heap is used`,
          metadata,
        };
      if (rssLimitBytes !== undefined && rssBytes / rssLimitBytes > maxRssRatio)
        return {
          status: 'degraded',
          message: `${percent(rssBytes / rssLimitBytes)} of the memory limit is used`,
          metadata,
        };
      return { status: 'healthy', metadata };
    },
  };
}

const percent = (ratio: number) => `${Math.round(ratio * 100)} %`;

/** The cgroup's limit; libuv answers 0 for "unknown" and a number near 2^64 for "none". */
function containerLimit(): number | undefined {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < Number.MAX_SAFE_INTEGER ? limit : undefined;
}
