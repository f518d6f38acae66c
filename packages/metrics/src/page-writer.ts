import type { ServerResponse } from 'node:http';
import type { Page } from './page.js';

/** A reader that takes nothing for this long is gone for all we care. */
const STALL_MS = 10_000;
/** Pages that slow readers may keep in memory; the readers of the oldest are cut off beyond it. */
const MAX_PAGES = 16;

export interface PageWriter {
  /** Resolves when the reader has everything, has left, or was cut off. */
  write(page: Page, res: ServerResponse): Promise<void>;
}

/** Writes no faster than the reader reads, and keeps the memory of slow readers bounded. */
export function createPageWriter(stallMs = STALL_MS, maxPages = MAX_PAGES): PageWriter {
  const readers = new Map<Page, Set<ServerResponse>>();

  const join = (page: Page, res: ServerResponse) => {
    const own = readers.get(page) ?? new Set();
    readers.set(page, own.add(res));
    if (readers.size <= maxPages) return;
    const [oldest, slow] = readers.entries().next().value!;
    readers.delete(oldest);
    for (const reader of slow) reader.destroy();
  };

  const leave = (page: Page, res: ServerResponse) => {
    const own = readers.get(page);
    own?.delete(res);
    if (own?.size === 0) readers.delete(page);
  };

  return {
    async write(page, res) {
      join(page, res);
      try {
        for (const piece of page.pieces) {
          if (res.destroyed) return;
          if (!res.write(piece) && !(await drained(res, stallMs))) return void res.destroy();
        }
        res.end();
      } finally {
        leave(page, res);
      }
    },
  };
}

function drained(res: ServerResponse, stallMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (value: boolean) => {
      clearTimeout(timer);
      res.off('drain', onDrain);
      res.off('close', onClose);
      resolve(value);
    };
    const onDrain = () => settle(true);
    const onClose = () => settle(false);
    const timer = setTimeout(() => settle(false), stallMs).unref();
    res.on('drain', onDrain);
    res.on('close', onClose);
  });
}
