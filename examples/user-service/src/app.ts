import 'reflect-metadata';
import { ErrorsModule } from '@kit/errors/nest';
import { createHealth, knexCheck, redisCheck } from '@kit/health';
import { HealthModule } from '@kit/health/nest';
import { createMetrics, instrumentKnex, instrumentRedis, observeKit } from '@kit/metrics';
import { MetricsModule } from '@kit/metrics/nest';
import { createAuditLog, createLogger, traceRequestHeaders, traceResponseHeaders } from '@kit/trace';
import { TraceModule } from '@kit/trace/nest';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import compression from 'compression';
import type { NextFunction, Request, Response } from 'express';
import { rateLimit } from 'express-rate-limit';
import helmet from 'helmet';
import { join } from 'node:path';
import promClient from 'prom-client';
import { auditMiddleware } from './audit.ts';
import { AuthController } from './auth/auth.controller.ts';
import { openKeyRing } from './auth/key-ring.ts';
import type { Config } from './config.ts';
import { openDatabase } from './database.ts';
import { errors } from './errors.ts';
import { OpenApiController } from './openapi/openapi.controller.ts';
import { PhoneController } from './phone/phone.controller.ts';
import { connectRedis } from './redis.ts';
import { CONFIG, KEY_RING, USER_CACHE, USER_REPOSITORY } from './tokens.ts';
import { createUserCache, forgettingOnWrite } from './users/user-cache.ts';
import { UserCommands } from './users/user-commands.ts';
import { UserQueries } from './users/user-queries.ts';
import { createUserRepository } from './users/user-repository.ts';
import { UsersController } from './users/users.controller.ts';

/** Wires the service: the one place that knows every part. The caller listens, and closes what it gets. */
export async function createApp(config: Config) {
  const logger = createLogger({
    level: config.LOG_LEVEL,
    console: config.LOG_CONSOLE,
    base: { service: 'user-service' },
  });
  const telemetry =
    config.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
      ? undefined
      : (await import('./telemetry.ts')).startTelemetry('user-service', logger);
  const database = await openDatabase(config);
  const keys = await openKeyRing({
    file: join(config.DATA_DIR, 'user-service-keys.json'),
    ttlSeconds: config.TOKEN_TTL_SECONDS,
  });
  const metrics = createMetrics({ client: promClient, registry: new promClient.Registry(), logger });
  const stopObserving = observeKit(metrics);
  instrumentKnex(metrics, database.knex);
  const redis = config.REDIS_URL === undefined ? undefined : connectRedis(config.REDIS_URL, logger);
  if (redis) instrumentRedis(metrics, redis, { name: 'users' });
  const cache = createUserCache(metrics, redis);
  const users = forgettingOnWrite(createUserRepository(database.tm), cache, database.tm);
  const audit = createAuditLog({ path: config.auditFile });
  const health = createHealth({
    readiness: config.HEALTH_READINESS,
    thresholds: { failures: config.HEALTH_FAILURES, successes: config.HEALTH_SUCCESSES },
  });
  health.add(knexCheck(database.knex), { critical: true });
  // Without Redis every instance has its memory: no reason to leave.
  if (redis) health.add(redisCheck(redis), { critical: false, groups: [] });

  const proxies = config.TRUSTED_PROXIES;

  @Module({
    imports: [
      TraceModule.forRoot({ logger, trustInbound: proxies.length > 0 ? proxies : false }),
      ErrorsModule.forRoot({ logger }),
      MetricsModule.forRoot({ metrics }),
      HealthModule.forRoot({ health }),
    ],
    controllers: [AuthController, UsersController, PhoneController, OpenApiController],
    providers: [
      UserCommands,
      UserQueries,
      { provide: CONFIG, useValue: config },
      { provide: KEY_RING, useValue: keys },
      { provide: USER_CACHE, useValue: cache },
      { provide: USER_REPOSITORY, useValue: users },
    ],
  })
  class AppModule {}

  const app = await NestFactory.create<NestExpressApplication>(AppModule, {
    logger: false,
    abortOnError: false,
  });
  if (telemetry !== undefined) {
    app.use((req: Request, res: Response, next: NextFunction) => {
      if (/^\/(health|metrics)(\/|$)/.test(req.path)) next();
      else telemetry.serve(req, res, () => req.route?.path, next);
    });
  }
  app.useBodyParser('json', { limit: '64kb' });
  app.set('trust proxy', proxies.length > 0 ? proxies : false);
  app.use(auditMiddleware(audit));
  app.use(helmet());
  app.use(compression());
  app.enableCors({
    origin: config.CORS_ORIGINS.length > 0 ? config.CORS_ORIGINS : false,
    allowedHeaders: ['authorization', 'content-type', ...traceRequestHeaders],
    exposedHeaders: ['retry-after', ...traceResponseHeaders],
  });
  app.use(
    ['/auth/login', '/auth/register'],
    rateLimit({
      windowMs: 60_000,
      limit: config.AUTH_RATE_PER_MINUTE,
      standardHeaders: 'draft-8',
      legacyHeaders: false,
      // Whose X-Forwarded-For is believed was said above.
      validate: { xForwardedForHeader: false },
      handler: (_request, _response, next) =>
        next(errors.SYS_RATE_LIMITED(undefined, { retryAfterMs: 60_000 })),
    }),
  );

  return {
    app,
    health,
    logger,
    close: async (): Promise<void> => {
      stopObserving();
      health.close();
      await cache.close();
      redis?.disconnect();
      await database.close();
      await audit.close();
      await telemetry?.close();
      await logger.flush();
    },
  };
}
