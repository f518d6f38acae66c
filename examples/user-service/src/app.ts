import 'reflect-metadata';
import { ErrorsModule } from '@kit/errors/nest';
import { createHealth, knexCheck } from '@kit/health';
import { HealthModule } from '@kit/health/nest';
import { createMetrics, instrumentKnex, observeKit } from '@kit/metrics';
import { MetricsModule } from '@kit/metrics/nest';
import { createLogger, traceRequestHeaders, traceResponseHeaders } from '@kit/trace';
import { TraceModule } from '@kit/trace/nest';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import compression from 'compression';
import { rateLimit } from 'express-rate-limit';
import helmet from 'helmet';
import { join } from 'node:path';
import promClient from 'prom-client';
import { AuthController } from './auth/auth.controller.ts';
import { openKeyRing } from './auth/key-ring.ts';
import type { Config } from './config.ts';
import { openDatabase } from './database.ts';
import { errors } from './errors.ts';
import { OpenApiController } from './openapi/openapi.controller.ts';
import { PhoneController } from './phone/phone.controller.ts';
import { CONFIG, KEY_RING, USER_REPOSITORY } from './tokens.ts';
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
  const database = await openDatabase(config);
  const keys = await openKeyRing({
    file: join(config.DATA_DIR, 'user-service-keys.json'),
    ttlSeconds: config.TOKEN_TTL_SECONDS,
  });
  const metrics = createMetrics({ client: promClient, registry: new promClient.Registry(), logger });
  const stopObserving = observeKit(metrics);
  instrumentKnex(metrics, database.knex);
  const health = createHealth({
    readiness: config.HEALTH_READINESS,
    thresholds: { failures: config.HEALTH_FAILURES, successes: config.HEALTH_SUCCESSES },
  });
  health.add(knexCheck(database.knex), { critical: true });

  @Module({
    imports: [
      TraceModule.forRoot({ logger }),
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
      { provide: USER_REPOSITORY, useValue: createUserRepository(database.tm) },
    ],
  })
  class AppModule {}

  const app = await NestFactory.create<NestExpressApplication>(AppModule, {
    logger: false,
    abortOnError: false,
  });
  app.useBodyParser('json', { limit: '64kb' });
  app.use(helmet());
  app.use(compression());
  app.enableCors({
    allowedHeaders: ['authorization', 'content-type', ...traceRequestHeaders],
    exposedHeaders: [...traceResponseHeaders],
  });
  app.use(
    ['/auth/login', '/auth/register'],
    rateLimit({
      windowMs: 60_000,
      limit: config.AUTH_RATE_PER_MINUTE,
      standardHeaders: 'draft-8',
      legacyHeaders: false,
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
      await database.close();
      await logger.flush();
    },
  };
}
