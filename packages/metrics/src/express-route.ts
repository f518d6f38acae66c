import type { IncomingMessage } from 'node:http';
import { templateOf } from './express4-template.js';

/** What express 4 and 5 show of a layer; the names are those of their `router`. */
interface Layer {
  readonly route?: Route;
  readonly handle?: { readonly stack?: readonly Layer[] };
  /** router >= 2.3: the pattern as it was given. */
  readonly rawPath?: unknown;
  /** express 4 */
  readonly regexp?: unknown;
  readonly keys?: readonly unknown[];
  params?: Record<string, unknown> | undefined;
  path?: string | undefined;
  match(path: string): unknown;
}

interface Route {
  readonly path: unknown;
}

interface ExpressApp {
  readonly router?: { readonly stack?: readonly Layer[] };
  readonly _router?: { readonly stack?: readonly Layer[] };
  readonly mountpath?: unknown;
  readonly parent?: ExpressApp;
}

type ExpressRequest = IncomingMessage & { route?: Route; originalUrl?: string; app?: ExpressApp };

/** Finds the template of the route that express matched. */
export type ExpressRouteOf = (req: IncomingMessage, status: number) => string | undefined;

/**
 * `req.baseUrl` holds real ids and is gone once an error leaves its router; `req.route` stays. So the way
 * from the app down to that route is looked up in the routers' own layers, once a route and app: a router may be
 * mounted in an app and in one that is mounted in it.
 */
export function createExpressRoutes(): ExpressRouteOf {
  const known = new WeakMap<ExpressApp, WeakMap<Route, string>>();
  return (req, status) => {
    const { route, app, originalUrl } = req as ExpressRequest;
    if (!route) return undefined;
    // A handler for "everything" that answers 404 is a not-found page, not a route (Nest's, for one).
    if (status === 404 && isCatchAll(route.path)) return undefined;
    const found = app && known.get(app)?.get(route);
    if (found !== undefined) return found;
    const { template, isConstant } = resolve(route, app, pathOf(originalUrl ?? req.url ?? '/'));
    if (isConstant && app) {
      const ofApp = known.get(app) ?? new WeakMap<Route, string>();
      known.set(app, ofApp.set(route, template));
    }
    return template;
  };
}

interface Resolved {
  template: string;
  /** The same for every request of this route. */
  isConstant: boolean;
}

function resolve(route: Route, app: ExpressApp | undefined, path: string): Resolved {
  const own = patternText(route.path);
  const ways = waysTo(route, stackOf(app));
  const mountedAt = mountPathOf(app);
  const base =
    mountedAt === ''
      ? path
      : `/${path
          .split('/')
          .slice(segments(mountedAt) + 1)
          .join('/')}`;
  for (const way of ways) {
    const mounts = mountPatterns(way, base);
    if (mounts) {
      const isConstant = ways.length === 1 && way.every((layer) => typeof layer.rawPath === 'string');
      return { template: join([mountedAt, ...mounts, own]), isConstant };
    }
  }
  return { template: join([mountedAt, own]), isConstant: false };
}

/** Every chain of mount layers that leads to the route: a router may be mounted twice. */
function waysTo(route: Route, stack: readonly Layer[], depth = 0): Layer[][] {
  const ways: Layer[][] = [];
  if (depth > 20) return ways;
  for (const layer of stack) {
    if (layer.route === route) ways.push([]);
    const inner = layer.route ? undefined : layer.handle?.stack;
    if (inner) for (const way of waysTo(route, inner, depth + 1)) ways.push([layer, ...way]);
  }
  return ways;
}

/** The patterns of the mounts along the way, or undefined when the path does not go this way. */
function mountPatterns(way: readonly Layer[], path: string): string[] | undefined {
  const patterns: string[] = [];
  let rest = path;
  for (const layer of way) {
    const mount = matchMount(layer, rest === '' ? '/' : rest);
    if (!mount) return undefined;
    patterns.push(mount.pattern);
    rest = rest.slice(mount.length);
  }
  return patterns;
}

function matchMount(layer: Layer, path: string): { pattern: string; length: number } | undefined {
  const before = { params: layer.params, path: layer.path };
  try {
    const matched = matchOnce(layer, path);
    if (!matched) return undefined;
    const pattern = matched.pattern ?? probe(layer, path, matched);
    return { pattern, length: matched.path.length };
  } catch {
    return undefined;
  } finally {
    // express 4 keeps the match on the layer; a request may be between two of its handlers.
    if ('params' in layer || before.params !== undefined) Object.assign(layer, before);
  }
}

interface Match {
  path: string;
  params: Readonly<Record<string, unknown>>;
  pattern: string | undefined;
}

function matchOnce(layer: Layer, path: string): Match | undefined {
  const result = layer.match(path);
  if (!result) return undefined;
  if (typeof result === 'object') {
    const { path: found, params, pattern } = result as { path: string; params: object; pattern?: unknown };
    return {
      path: found,
      params: { ...params },
      pattern: pattern === undefined ? undefined : patternText(pattern),
    };
  }
  const raw = typeof layer.rawPath === 'string' ? layer.rawPath : undefined;
  return { path: layer.path ?? '', params: { ...layer.params }, pattern: raw };
}

/**
 * Older routers keep no pattern. Each segment that is some parameter's value is replaced by a marker: if the
 * layer then reads the marker as that parameter, this is where the parameter stands.
 */
function probe(layer: Layer, path: string, matched: Match): string {
  if (matched.path !== '' && layer.regexp instanceof RegExp) {
    return templateOf(layer.regexp, layer.keys ?? [], path);
  }
  const parts = matched.path.split('/');
  const tail = path.slice(matched.path.length);
  const template = [...parts];
  for (const [name, value] of Object.entries(matched.params)) {
    if (typeof value !== 'string' || value === '') continue;
    const at = parts.findIndex((part, i) => {
      const at = decoded(part).indexOf(value);
      if (at === -1 || template[i] !== part) return false;
      const marked = parts.with(i, decoded(part).replace(value, MARKER)).join('/');
      return matchOnce(layer, marked + tail)?.params[name] === MARKER;
    });
    if (at !== -1) template[at] = decoded(parts[at]!).replace(value, `:${name}`);
    // A parameter whose place cannot be told must not leave its value in a label.
    else return join(Object.keys(matched.params).map((key) => `/:${key}`));
  }
  return template.join('/');
}

const MARKER = '7'.repeat(12);

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function mountPathOf(app: ExpressApp | undefined): string {
  if (!app?.parent) return '';
  return join([mountPathOf(app.parent), patternText(app.mountpath)]);
}

function stackOf(app: ExpressApp | undefined): readonly Layer[] {
  // On express 4 the getter `router` throws.
  return app?._router?.stack ?? app?.router?.stack ?? [];
}

function patternText(pattern: unknown): string {
  if (typeof pattern === 'string') return pattern.replace(/\/+$/, '');
  if (Array.isArray(pattern)) return pattern.map(patternText).join('|');
  return String(pattern);
}

function isCatchAll(pattern: unknown): boolean {
  return typeof pattern === 'string' && /^[/{(]*\*?[./]*\*\w*[)}]*$/.test(pattern);
}

function join(parts: readonly string[]): string {
  const text = parts.filter((part) => part !== '');
  return text.length === 0 ? '/' : text.map((part) => (part.startsWith('/') ? part : `/${part}`)).join('');
}

const segments = (path: string) => path.split('/').length - 1;

function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end === -1 ? url : url.slice(0, end);
}
