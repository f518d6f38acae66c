import { statfs } from 'node:fs/promises';
import type { Check } from './check.js';
import { requireNumber, requireText } from './rules.js';

/** Options of `diskCheck`. */
export interface DiskCheckOptions {
  /** @default 'disk' */
  name?: string;
  /** Share of the disk, 0 to 1, that must be free. @default 0.1 */
  degradedBelowRatio?: number;
  /** Share of the disk, 0 to 1, without which nothing works. @default 0.02 */
  unhealthyBelowRatio?: number;
}

/**
 * Free space of the file system that holds a path: degraded below 10 %, unhealthy below 2 %.
 *
 * @example
 * ```ts
 * import { createHealth, diskCheck } from '@kit/health';
 *
 * createHealth().add(diskCheck('/var/lib/uploads'), { critical: false });
 * ```
 */
export function diskCheck(path: string, options: DiskCheckOptions = {}): Check {
  requireText('path', path);
  const name = requireText('name', options.name ?? 'disk');
  const range = { min: 0, max: 1 };
  const degradedBelow = requireNumber('degradedBelowRatio', options.degradedBelowRatio ?? 0.1, range);
  const unhealthyBelow = requireNumber('unhealthyBelowRatio', options.unhealthyBelowRatio ?? 0.02, range);
  return {
    name,
    async check() {
      const { bavail, blocks, bsize } = await statfs(path);
      // Some virtual file systems have no blocks at all, and nothing to run out of.
      const freeRatio = blocks === 0 ? 1 : bavail / blocks;
      const metadata = {
        freeRatio: Math.round(freeRatio * 1_000) / 1_000,
        freeBytes: bavail * bsize,
        totalBytes: blocks * bsize,
      };
      const message = `${(freeRatio * 100).toFixed(1)} % of the disk is free`;
      if (freeRatio < unhealthyBelow) return { status: 'unhealthy', message, metadata };
      if (freeRatio < degradedBelow) return { status: 'degraded', message, metadata };
      return { status: 'healthy', metadata };
    },
  };
}
