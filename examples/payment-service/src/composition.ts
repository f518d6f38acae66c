import { createBreakerRegistry } from '@kit/breaker';
import { createErrorMonitor } from '@kit/errors';
import { breakerCheck, createHealth, knexCheck, outboxCheck, redisCheck, sagaCheck } from '@kit/health';
import { createMetrics, observeKit } from '@kit/metrics';
import { createAuditLog, createLogger, createMasker } from '@kit/trace';
import { createOutbox, createOutboxRelay, createSagaRunner, createTransactionManager } from '@kit/tx';
import type { FastifyInstance } from 'fastify';
import { randomUUID } from 'node:crypto';
import promClient from 'prom-client';
import { createPaymentSaga, createPaymentUseCase } from './application/create-payment.ts';
import { paymentQueries } from './application/get-payment.ts';
import { refundQueries } from './application/get-refund.ts';
import { settlementQueries } from './application/get-settlement.ts';
import { refundPaymentSaga, refundPaymentUseCase } from './application/refund-payment.ts';
import { settlePaymentsUseCase } from './application/settle-payments.ts';
import type { Config } from './config.ts';
import { homeOf, migrate, openDatabase } from './infrastructure/database.ts';
import { createRequestDeadline } from './infrastructure/deadline.ts';
import { createDispatch } from './infrastructure/dispatch.ts';
import { createLedgerRepository } from './infrastructure/ledger-repository.ts';
import { counted, instrument, logBreakers, stuckSagaCheck } from './infrastructure/observe.ts';
import { createPartners } from './infrastructure/partners.ts';
import { createPaymentCache, forgettingOnWrite } from './infrastructure/payment-cache.ts';
import { createPaymentRepository } from './infrastructure/payment-repository.ts';
import { connectRedis, createPublish } from './infrastructure/publisher.ts';
import { createRefundRepository } from './infrastructure/refund-repository.ts';
import { createSettlementRepository } from './infrastructure/settlement-repository.ts';
import { createApp } from './interface/app.ts';
import { createConsole } from './interface/console/console.ts';
import { httpTotals } from './interface/console/http-totals.ts';

export interface Service {
  app: FastifyInstance;
  health: ReturnType<typeof createHealth>;
  logger: ReturnType<typeof createLogger>;
  /** What is left to close after the server, in reverse order. */
  onClose: [name: string, close: () => Promise<unknown> | void][];
}

/** The one place where everything meets. */
export async function compose(config: Config): Promise<Service> {
  const now = () => new Date();
  const logger = createLogger({
    level: config.LOG_LEVEL,
    console: config.LOG_CONSOLE,
    base: { service: 'payment-service' },
    ...(config.LOG_FILE !== undefined && { file: { path: config.LOG_FILE } }),
  });
  const telemetry =
    config.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
      ? undefined
      : (await import('./infrastructure/telemetry.ts')).startTelemetry('payment-service', logger);
  const metrics = createMetrics({ client: promClient, logger });
  const stopObserving = observeKit(metrics);
  const stopLogging = logBreakers(logger);
  const monitor = createErrorMonitor();
  const audit = createAuditLog({ path: config.auditFile });

  const knex = openDatabase(config.databaseUrl, config.DATABASE_POOL_MAX);
  await migrate(knex, config.STRICT_DOMAIN_GUARD);
  const tm = createTransactionManager({
    name: 'payment',
    primary: knex,
    domain: {
      name: 'payment',
      allow: [homeOf(config.databaseUrl)],
      mode: config.STRICT_DOMAIN_GUARD ? 'strict' : 'warn',
    },
  });
  const redis = config.REDIS_URL === undefined ? undefined : connectRedis(config.REDIS_URL, logger);
  const caching = createPaymentCache(metrics, redis);
  const { cache } = caching;
  const repositories = {
    payments: forgettingOnWrite(createPaymentRepository(tm.db), cache, tm),
    refunds: createRefundRepository(tm.db),
    settlements: createSettlementRepository(tm.db),
    ledger: createLedgerRepository(tm.db),
  };

  const breakers = createBreakerRegistry({ defaults: { openMs: config.BREAKER_OPEN_MS } });
  const partnerNames = ['risk-service', 'order-service', 'channel-adapter'];
  const deadline = createRequestDeadline(config.REQUEST_DEADLINE_MS);
  const partners = createPartners({
    breakers,
    deadline,
    orderUrl: config.ORDER_URL,
    channelUrl: config.CHANNEL_URL,
    riskUrl: config.RISK_URL,
    timeoutMs: config.PARTNER_TIMEOUT_MS,
    fetch: telemetry?.fetch,
  });

  const outbox = createOutbox(tm);
  const events = {
    add: async (topic: string, payload: Record<string, unknown>, key: string) => {
      await outbox.add(topic, payload, { key });
    },
  };
  const relay = createOutboxRelay(tm, { publish: createPublish(redis, logger) });

  const deps = {
    ...repositories,
    tm,
    partners,
    events,
    now,
    // Room for the risk check's second attempt.
    partnerTimeoutMs: 2 * config.PARTNER_TIMEOUT_MS + 1_000,
  };
  const paymentSaga = createPaymentSaga(deps);
  const refundSaga = refundPaymentSaga(deps);
  const dispatch = await createDispatch(config.REDIS_URL, config.SAGA_LEASE_MS, logger);
  const sagas = createSagaRunner(tm, {
    sagas: [paymentSaga, refundSaga],
    dispatch,
    leaseMs: config.SAGA_LEASE_MS,
    undoAttempts: config.SAGA_UNDO_ATTEMPTS,
    onError: (error) => logger.error({ err: error }, 'a saga could not be resumed'),
  });
  const stopInstruments = instrument(metrics, { knex, redis, sagas, dispatch });

  const payments = paymentQueries(tm, repositories.payments, cache);
  const health = createHealth({
    readiness: config.HEALTH_READINESS,
    thresholds: { failures: config.HEALTH_FAILURES, successes: config.HEALTH_SUCCESSES },
  });
  await health.startup(() => payments.warmUp(100));
  health.add(knexCheck(knex), { critical: true, groups: ['ready'] });
  health.add(sagaCheck(sagas, { name: 'sagas' }), { critical: false, groups: [] });
  health.add(stuckSagaCheck(sagas), { critical: false, groups: [] });
  health.add(outboxCheck(outbox, { name: 'outbox' }), { critical: false, groups: [] });
  if (redis) health.add(redisCheck(redis), { critical: false, groups: [] });
  for (const name of partnerNames) {
    health.add(breakerCheck(breakers.get(name)), { critical: false, groups: [] });
  }

  const console = createConsole({
    title: 'payment-service',
    token: config.ADMIN_TOKEN,
    health,
    breakers: () => breakers.toJSON(),
    errors: monitor,
    sagas,
    outbox,
    http: httpTotals(metrics.registry),
    audit,
    mask: createMasker(),
    onError: (error, panel) => logger.error({ err: error, panel }, 'the console'),
  });

  const createPayment = deadline.over(
    counted(metrics, 'create-payment', createPaymentUseCase(sagas, paymentSaga, deps)),
  );
  const app = await createApp({
    createPayment: (input, options) => {
      metrics.business.seen(input.customerId);
      return createPayment(input, options);
    },
    payments,
    refundPayment: deadline.over(
      counted(metrics, 'refund-payment', refundPaymentUseCase(sagas, refundSaga, deps)),
    ),
    refunds: refundQueries(tm, repositories),
    settlePayments: counted(
      metrics,
      'settle-payments',
      settlePaymentsUseCase({ ...deps, feeBasisPoints: config.FEE_BASIS_POINTS, newId: randomUUID }),
    ),
    settlements: settlementQueries(tm, repositories),
    logger,
    health,
    metrics,
    monitor,
    audit,
    console,
    sagas,
    outbox,
    breakers: () => breakers.toJSON(),
    // A payment needs every partner: another one is worth a try when the last breaker lets calls through.
    partnersBackInMs: () => Math.max(0, ...[...breakers].map(({ retryAfterMs }) => retryAfterMs)),
    openSpan: telemetry?.serve,
    adminToken: config.ADMIN_TOKEN,
    corsOrigins: config.CORS_ORIGINS,
    trustedProxies: config.TRUSTED_PROXIES,
    rateLimitPerMinute: config.RATE_LIMIT_PER_MINUTE,
  });

  return {
    app,
    health,
    logger,
    onClose: [
      ['log', () => logger.flush()],
      ['spans', () => telemetry?.close()],
      ['audit log', () => audit.close()],
      ['metrics', () => stopObserving()],
      ['breaker log', () => stopLogging()],
      ['database', () => knex.destroy()],
      ['transactions', () => tm.close()],
      ['redis', () => redis?.disconnect()],
      ['cache', () => caching.close()],
      ['outbox relay', () => relay.close()],
      ['instruments', () => stopInstruments()],
      ['sagas', () => sagas.close()],
      ['app', () => app.close()],
    ],
  };
}
