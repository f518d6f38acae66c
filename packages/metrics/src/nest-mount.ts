import type { IncomingMessage, ServerResponse } from 'node:http';
import { checkMetrics } from './arguments.js';
import { createExpressRoutes } from './express-route.js';
import type { HandlerOptions } from './handler.js';
import type { Metrics } from './metrics.js';

/** What Nest's HTTP adapters, Express's and Fastify's, have in common and what tells them apart. */
interface HttpAdapter {
  getType(): string;
  getInstance(): unknown;
  use(handler: unknown): unknown;
  get(path: string, handler: unknown): unknown;
}

interface FastifyLike {
  addHook(
    name: 'onRequest',
    hook: (request: FastifyRequestLike, reply: RawReply, next: () => void) => void,
  ): void;
  get(path: string, handler: (request: FastifyRequestLike, reply: RawReply) => unknown): void;
}

interface FastifyRequestLike {
  raw: IncomingMessage;
  routeOptions: { url?: string | undefined };
}

interface RawReply {
  getHeader(name: string): unknown;
  raw: ServerResponse;
  hijack(): void;
}

/** Measures and serves beneath Nest, before its guards and outside its global prefix. */
export function mountOnAdapter(
  adapter: unknown,
  path: string,
  metrics: Metrics,
  options: HandlerOptions,
): void {
  const http = adapter as HttpAdapter | undefined;
  // An application context without HTTP has nothing to measure.
  if (typeof http?.getType !== 'function') return;
  const handle = checkMetrics(metrics).handler(options);
  if (http.getType() === 'fastify') mountOnFastify(http.getInstance() as FastifyLike, path, metrics, handle);
  else mountOnExpress(http, path, metrics, handle);
}

type Handle = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

function mountOnFastify(app: FastifyLike, path: string, metrics: Metrics, handle: Handle): void {
  app.addHook('onRequest', (request, reply, next) => {
    metrics.trackHttp(
      request.raw,
      reply.raw,
      () => request.routeOptions.url,
      () => reply.getHeader('content-length'),
    );
    next();
  });
  app.get(path, (request, reply) => {
    reply.hijack();
    return handle(request.raw, reply.raw);
  });
}

function mountOnExpress(app: HttpAdapter, path: string, metrics: Metrics, handle: Handle): void {
  const routeOf = createExpressRoutes();
  app.use((req: IncomingMessage, res: ServerResponse, next: () => void) => {
    metrics.trackHttp(req, res, (status) => routeOf(req, status));
    next();
  });
  app.get(path, (req: IncomingMessage, res: ServerResponse) => void handle(req, res));
}
