import compress from '@fastify/compress';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import { errorsPlugin } from '@kit/errors/fastify';
import type { Health } from '@kit/health';
import { healthPlugin } from '@kit/health/fastify';
import { metricsPlugin } from '@kit/metrics/fastify';
import {
  type AuditLog,
  getTraceId,
  runWithTrace,
  type TraceLogger,
  traceRequestHeaders,
  traceResponseHeaders,
} from '@kit/trace';
import { tracePlugin } from '@kit/trace/fastify';
import Fastify, { type FastifyInstance } from 'fastify';
import { serializerCompiler } from 'fastify-type-provider-zod';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { adminRoutes, type AdminRoutesOptions } from './routes/admin.ts';
import { paymentRoutes, type PaymentRoutesOptions } from './routes/payments.ts';
import { refundRoutes, type RefundRoutesOptions } from './routes/refunds.ts';
import { settlementRoutes, type SettlementRoutesOptions } from './routes/settlements.ts';
import { auditPlugin } from './audit.ts';
import type { Console } from './console/console.ts';
import { consolePlugin } from './console/fastify.ts';
import { errors } from './errors.ts';
import { createSendFailure, mapErrors } from './failures.ts';
import { isLoopback, mayAdminister } from './access.ts';
import { openApiPlugin } from './openapi.ts';
import { validatorCompiler } from './validation.ts';

export interface AppOptions
  extends
    Omit<PaymentRoutesOptions, 'sendFailure'>,
    Omit<RefundRoutesOptions, 'sendFailure'>,
    SettlementRoutesOptions,
    AdminRoutesOptions {
  logger: TraceLogger;
  health: Health;
  audit: AuditLog;
  console: Console;
  corsOrigins: string[];
  trustedProxies: string[];
  rateLimitPerMinute: number;
  /** Runs `next` in a span of the request. */
  openSpan?:
    | ((
        request: IncomingMessage,
        response: ServerResponse,
        route: () => string | undefined,
        next: () => void,
      ) => void)
    | undefined;
  /** Until the partners are worth another try, in ms; 0 when they are now. */
  partnersBackInMs: () => number;
}

const probes = ['/health', '/health/live', '/health/ready', '/health/startup', '/metrics'];

/** The HTTP side of the service: what a request meets, from the outside in. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { logger, health, metrics, monitor, adminToken, trustedProxies, openSpan } = options;
  const app: FastifyInstance = Fastify({
    // The trace plugin writes the request log.
    logger: false,
    bodyLimit: 64 * 1024,
    trustProxy: trustedProxies.length > 0 ? trustedProxies : false,
    // What Fastify answers before any hook (a malformed URL) gets a trace here.
    frameworkErrors: (error, request, reply) =>
      runWithTrace({}, () => {
        void reply.header('x-trace-id', getTraceId()).header('x-request-id', getTraceId());
        app.errorHandler(error, request, reply);
      }),
  });
  // JSON and nothing else: what says that it is text is answered 415.
  app.removeContentTypeParser('text/plain');
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);

  await app.register(tracePlugin, {
    logger,
    trustInbound: trustedProxies.length > 0 ? trustedProxies : false,
    ignore: [...probes, ({ url }) => options.console.owns(url)],
  });
  // Before spans and metrics: an open page is no slow request.
  await app.register(consolePlugin, { console: options.console });
  if (openSpan !== undefined) {
    app.addHook('onRequest', (request, reply, done) => {
      if (probes.includes(request.url)) done();
      else openSpan(request.raw, reply.raw, () => request.routeOptions.url, done);
    });
  }
  await app.register(metricsPlugin, {
    metrics,
    authorize: (request) => isLoopback(request) || mayAdminister(request, adminToken),
  });
  await app.register(errorsPlugin, { mappers: [mapErrors], monitor, logger });
  await app.register(healthPlugin, { health });

  // TLS ends at the gateway: nothing here may be upgraded to a port that does not speak it.
  await app.register(helmet, { contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } });
  await app.register(cors, {
    origin: options.corsOrigins.length > 0 ? options.corsOrigins : false,
    allowedHeaders: ['content-type', 'authorization', 'idempotency-key', ...traceRequestHeaders],
    exposedHeaders: ['location', 'retry-after', ...traceResponseHeaders],
  });
  await app.register(compress, { threshold: 1_024 });
  await app.register(rateLimit, {
    max: options.rateLimitPerMinute,
    timeWindow: '1 minute',
    allowList: (request) => request.url.startsWith('/health') || request.url.startsWith('/metrics'),
    errorResponseBuilder: (_request, { ttl }) => errors.SYS_RATE_LIMITED(undefined, { retryAfterMs: ttl }),
  });
  await app.register(auditPlugin, { audit: options.audit, ignore: (url) => options.console.owns(url) });
  await app.register(openApiPlugin);

  const sendFailure = createSendFailure(monitor, options.partnersBackInMs);
  await app.register(paymentRoutes, { ...options, sendFailure });
  await app.register(refundRoutes, { ...options, sendFailure });
  await app.register(settlementRoutes, options);
  await app.register(adminRoutes, options);
  return app;
}
