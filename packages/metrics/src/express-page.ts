import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HandlerOptions } from './handler.js';
import { show } from './labels.js';
import type { Metrics } from './metrics.js';
import { processWide } from './process-wide.js';

/** The handler options and where the page is. */
export interface ExpressPageOptions extends HandlerOptions {
  path?: string | undefined;
}

/** The page of an express app. */
export interface ExpressPage {
  readonly path: string;
  /** Whether the middleware answers this request itself. */
  isMine(req: IncomingMessage): boolean;
  serve(req: IncomingMessage, res: ServerResponse): Promise<void>;
  /** As a handler of its own, which then takes over from the middleware of the same app. */
  readonly handler: (req: IncomingMessage, res: ServerResponse, next?: () => void) => void;
}

/**
 * Express names no path to a middleware, so the page's own is looked for here.
 * @throws TypeError for a path that is none, and what `metrics.handler` throws
 */
export function createExpressPage(metrics: Metrics, options: ExpressPageOptions): ExpressPage {
  const path = checkPath(options.path ?? '/metrics');
  const serve = metrics.handler(options);
  const handler = (given: IncomingMessage, res: ServerResponse, next?: () => void) => {
    const req = given as ExpressRequest;
    // `app.use(metricsHandler(…))` without a path is asked about every request.
    const isEverywhere = typeof next === 'function' && !req.route && !req.baseUrl;
    if (isEverywhere && !isAt(req.url, path)) next();
    else void serve(req, res);
  };
  handlers.add(handler);
  return {
    path,
    serve,
    handler,
    isMine(req) {
      if (!isAt(req.url, path) || (req.method !== 'GET' && req.method !== 'HEAD')) return false;
      // Whoever serves the page with a guard of their own must not find it open one middleware earlier.
      return options.authorize !== undefined || !isServed(stackOf((req as ExpressRequest).app), path);
    },
  };
}

/** What express 4 and 5 show of a layer. */
interface Layer {
  readonly route?: {
    readonly path: unknown;
    readonly methods?: Readonly<Record<string, boolean>>;
    readonly stack?: readonly Layer[];
  };
  readonly handle?: { readonly stack?: readonly Layer[] };
  /** Mounted without a path: express 5, and 4. */
  readonly slash?: boolean;
  readonly regexp?: { readonly fast_slash?: boolean };
}

interface ExpressApp {
  readonly router?: { readonly stack?: readonly Layer[] };
  readonly _router?: { readonly stack?: readonly Layer[] };
}

type ExpressRequest = IncomingMessage & { app?: ExpressApp; route?: unknown; baseUrl?: string };

const handlers = processWide('express-handlers', () => new WeakSet<object>());

/** Whether a `metricsHandler` is in the app, or another route for this very path. */
function isServed(stack: readonly Layer[], path: string, isRoot = true, depth = 0): boolean {
  if (depth > 20) return false;
  return stack.some(({ handle, route, slash, regexp }) => {
    if (handle !== undefined && handlers.has(handle)) return true;
    if (route) {
      const isForPath = isRoot && [route.path].flat().includes(path);
      if (isForPath && (route.methods?.get || route.methods?._all)) return true;
      return isServed(route.stack ?? [], path, false, depth + 1);
    }
    const isHere = isRoot && (slash ?? regexp?.fast_slash) === true;
    return isServed(handle?.stack ?? [], path, isHere, depth + 1);
  });
}

function stackOf(app: ExpressApp | undefined): readonly Layer[] {
  // On express 4 the getter `router` throws.
  return app?._router?.stack ?? app?.router?.stack ?? [];
}

/** As express reads a path unless told otherwise: a slash at the end does not matter. */
function isAt(url: string | undefined, path: string): boolean {
  if (!url?.startsWith(path)) return false;
  const rest = url.slice(path.length);
  return rest === '' || rest === '/' || rest.startsWith('?') || rest.startsWith('/?');
}

function checkPath(path: unknown): string {
  if (typeof path !== 'string' || !path.startsWith('/')) {
    throw new TypeError(`path must be a string that starts with /, got ${show(path)}`);
  }
  return path;
}
