import type { IncomingMessage, ServerResponse } from 'node:http';
import { contentTypes, type Format } from './exposition.js';
import { show } from './labels.js';
import { checkNumber } from './options.js';
import { negotiate } from './negotiate.js';
import type { Page } from './page.js';
import { createPageWriter } from './page-writer.js';

/** Who may scrape, and how often the page is written anew. */
export interface HandlerOptions {
  /**
   * Anything but `true`, and a throw, answers 403 and shows nothing.
   * @default everybody may
   */
  authorize?: ((req: IncomingMessage) => boolean | Promise<boolean>) | undefined;
  /**
   * Milliseconds for which scrapers share one page; 0 writes one for each. Range 0 to 3,600,000.
   * @default 1000
   */
  cacheMs?: number | undefined;
  /**
   * Milliseconds a metric's `collect` may take before the page goes out without it. Range 1 to 600,000.
   * @default 2000
   */
  collectTimeoutMs?: number | undefined;
}

/** Answers a scrape on plain `node:http` objects; never rejects. */
export type MetricsHandler = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

/** What the handler needs to know of whom it serves. */
export interface PageSource {
  page(format: Format, collectTimeoutMs: number): Promise<Page>;
  now(): number;
  warn(message: string): void;
}

export function createHandler(source: PageSource, options: HandlerOptions = {}): MetricsHandler {
  const { authorize } = options;
  if (authorize !== undefined && typeof authorize !== 'function') {
    throw new TypeError(`authorize must be a function (req) => boolean, got ${show(authorize)}`);
  }
  const cacheMs = checkNumber('cacheMs', options.cacheMs ?? 1_000, 0, 3_600_000);
  const collectTimeoutMs = checkNumber('collectTimeoutMs', options.collectTimeoutMs ?? 2_000, 1, 600_000);
  const pages = createPageCache(source, cacheMs, collectTimeoutMs);
  const writer = createPageWriter();

  const refusal = async (req: IncomingMessage): Promise<number | undefined> => {
    if (req.method !== 'GET' && req.method !== 'HEAD') return 405;
    if (!authorize) return undefined;
    try {
      // Anything but the boolean itself is a mistake, and a mistake must not open the door.
      const answer: unknown = await authorize(req);
      return answer === true ? undefined : 403;
    } catch {
      return 403;
    }
  };

  return async (req, res) => {
    try {
      const status = await refusal(req);
      if (status !== undefined) return end(res, status);
      const page = await pages.get(negotiate(req.headers.accept));
      res.statusCode = 200;
      res.setHeader('Content-Type', contentTypes[page.format]);
      res.setHeader('Content-Length', page.bytes);
      res.setHeader('Cache-Control', 'no-store');
      addVary(res);
      if (req.method === 'HEAD') res.end();
      else await writer.write(page, res);
    } catch (error) {
      source.warn(`[kit/metrics] a scrape failed: ${String(error)}`);
      if (res.headersSent) res.destroy();
      else end(res, 500);
    }
  };
}

// Another middleware, CORS for one, may have put its own there.
function addVary(res: ServerResponse): void {
  const before = [res.getHeader('vary') ?? []].flat().join(', ');
  if (/(^|,)\s*(\*|accept)\s*(,|$)/i.test(before)) return;
  res.setHeader('Vary', before === '' ? 'Accept' : `${before}, Accept`);
}

/** One page a format, written once for all who ask while it is fresh or being written. */
function createPageCache(source: PageSource, cacheMs: number, collectTimeoutMs: number) {
  const cached = new Map<Format, { page: Page; atMs: number }>();
  const pending = new Map<Format, Promise<Page>>();
  let expiry: NodeJS.Timeout | undefined;

  const write = async (format: Format): Promise<Page> => {
    const page = await source.page(format, collectTimeoutMs);
    if (cacheMs > 0) {
      cached.set(format, { page, atMs: source.now() });
      // A page nobody asks for again must not stay in memory.
      clearTimeout(expiry);
      expiry = setTimeout(() => cached.clear(), cacheMs).unref();
    }
    return page;
  };

  return {
    get(format: Format): Promise<Page> {
      const found = cached.get(format);
      const age = found ? source.now() - found.atMs : Infinity;
      if (found && age >= 0 && age < cacheMs) return Promise.resolve(found.page);
      const running = pending.get(format);
      if (running) return running;
      const started = write(format).finally(() => pending.delete(format));
      pending.set(format, started);
      return started;
    },
  };
}

function end(res: ServerResponse, status: number): void {
  res.statusCode = status;
  res.setHeader('Content-Type', 'text/plain; charset=utf-8');
  if (status === 405) res.setHeader('Allow', 'GET, HEAD');
  res.end(status === 405 ? 'Method not allowed\n' : status === 403 ? 'Forbidden\n' : 'Scrape failed\n');
}
