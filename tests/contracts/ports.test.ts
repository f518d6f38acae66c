import {
  createBreaker,
  createBulkhead,
  createHttpClient,
  createTimeout,
  fullJitter,
  presets,
} from '@kit/breaker';
import { commonErrors, createErrorMonitor, toAppError, toProblem } from '@kit/errors';
import { breakerCheck, createHealth, outboxCheck, sagaCheck } from '@kit/health';
import { createMetrics, observeKit } from '@kit/metrics';
import { getTrace, runWithTrace } from '@kit/trace';
import { createIdempotency, createOutbox, createSagaRunner, defineSaga, local } from '@kit/tx';
import { startExpress } from 'kit-tooling/apps';
import { createClock } from 'kit-tooling/clock';
import promClient from 'prom-client';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openDatabase } from './database.js';

const where = { path: '/v1/payments', method: 'POST' };
const rejectionOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

async function openBreaker() {
  const breaker = createBreaker({ name: 'partner', ...presets.gobreaker, minimumCalls: 1 });
  await rejectionOf(breaker.run(() => Promise.reject(new Error('postgres://user:hunter2@db/x'))));
  return breaker;
}

describe('errors, thrown by the other packages', () => {
  it('shows an open breaker as 503 with the time to retry and none of its cause', async () => {
    const breaker = await openBreaker();
    const error = await rejectionOf(breaker.run(() => 'never'));
    const mapped = toAppError(error);
    expect(mapped).toMatchObject({ status: 503, code: 'SYS_UNAVAILABLE' });
    expect(mapped.retryAfterMs).toBeGreaterThan(0);
    expect(JSON.stringify(toProblem(error, where))).not.toContain('hunter2');
  });

  it('shows a full bulkhead as 503 and a timeout as 504', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueue: 0 });
    const running = bulkhead.run(() => new Promise((resolve) => setTimeout(resolve, 50)));
    expect(toAppError(await rejectionOf(bulkhead.run(() => 1))).status).toBe(503);
    await running;
    const timeout = createTimeout({ timeoutMs: 10 });
    const slow = await rejectionOf(timeout.run(() => new Promise((resolve) => setTimeout(resolve, 100))));
    expect(toAppError(slow)).toMatchObject({ status: 504, code: 'SYS_TIMEOUT' });
  });

  it('shows a partner that answers 500 as 502', async () => {
    const partner = await startExpress((app) => {
      app.get('/', (_req, res) => void res.status(500).send('secret stack'));
    });
    const client = createHttpClient({ name: 'partner', baseUrl: partner.url });
    const error = await rejectionOf(client.get('/'));
    expect(toAppError(error)).toMatchObject({ status: 502, code: 'SYS_UPSTREAM_ERROR' });
    expect(JSON.stringify(toProblem(error, where))).not.toContain('secret stack');
    await partner.close();
  });

  it('shows a reused idempotency key with another body as 422', async () => {
    const { tm, close } = await openDatabase();
    const idempotency = createIdempotency(tm);
    await idempotency.run({ key: 'k', body: { a: 1 } }, async () => 'done');
    const error = await rejectionOf(idempotency.run({ key: 'k', body: { a: 2 } }, async () => 'done'));
    expect(toAppError(error).status).toBe(422);
    await close();
  });
});

describe('health, told by the other packages', () => {
  it('is degraded while a breaker is open', async () => {
    const health = createHealth({ ttlMs: 0 });
    const breaker = await openBreaker();
    health.add(breakerCheck(breaker));
    expect((await health.report()).checks[0]).toMatchObject({ status: 'degraded' });
    breaker.reset();
    expect((await health.report()).status).toBe('healthy');
    health.close();
  });

  it('takes the backlog of a saga runner and of an outbox', async () => {
    const { tm, close } = await openDatabase();
    const saga = defineSaga({
      name: 'flow',
      version: 1,
      input: z.object({}),
      steps: [local('only', () => 1)],
    });
    const sagas = createSagaRunner(tm, {
      sagas: [saga],
      leaseMs: 5_000,
      concurrency: 1,
      pollMs: 50,
      backoff: { baseMs: 1, maxMs: 2 },
      undoAttempts: 1,
    });
    const outbox = createOutbox(tm);
    const health = createHealth({ ttlMs: 0 });
    health.add(sagaCheck(sagas));
    health.add(outboxCheck(outbox));
    const { status, checks } = await health.report();
    expect(status).toBe('healthy');
    expect(checks.map(({ name }) => name)).toEqual([`${tm.name}-sagas`, `${tm.name}-outbox`]);
    health.close();
    await sagas.close();
    await close();
  });
});

describe('the trace, read by the other packages', () => {
  it('is in every error, in every outbound call with a span of its own, and in exemplars', async () => {
    const seen: (string | undefined)[] = [];
    const partner = await startExpress((app) => {
      app.get('/', (req, res) => {
        seen.push(req.get('traceparent'));
        res.status(seen.length < 2 ? 503 : 200).send('ok');
      });
    });
    const client = createHttpClient({
      name: 'partner',
      baseUrl: partner.url,
      retry: { maxAttempts: 2, backoff: fullJitter({ baseMs: 1, maxMs: 2 }) },
    });
    await runWithTrace({}, async () => {
      const trace = getTrace()!;
      expect(commonErrors.RES_NOT_FOUND().traceId).toBe(trace.id);
      await client.get('/');
      expect(seen).toHaveLength(2);
      const spans = seen.map((header) => header!.split('-'));
      expect(spans.map((parts) => parts[1])).toEqual([trace.traceId, trace.traceId]);
      expect(spans[0]![2]).not.toBe(spans[1]![2]);

      const registry = new promClient.Registry();
      const metrics = createMetrics({ client: promClient, registry, defaultMetrics: false });
      metrics.histogram('work_seconds', { help: 'Work.', labels: [], buckets: [1] }).observe(0.5);
      const page = await openMetrics(metrics);
      expect(page).toContain(`trace_id="${trace.traceId}"`);
    });
    await partner.close();
  });
});

describe('metrics, fed by the other packages', () => {
  it('count breakers, transactions, checks and errors with one line', async () => {
    const registry = new promClient.Registry();
    const metrics = createMetrics({ client: promClient, registry, defaultMetrics: false });
    const stop = observeKit(metrics);
    const clock = createClock();
    const { tm, close } = await openDatabase('ledger');
    const breaker = createBreaker({ name: 'partner', minimumCalls: 1, now: clock.now });
    await rejectionOf(breaker.run(() => Promise.reject(new Error('down'))));
    await rejectionOf(breaker.run(() => 'never'));
    await tm.run(async () => tm.db('items').insert({ id: 1 }));
    const health = createHealth();
    health.add({ name: 'db', check: () => ({ status: 'degraded' }) });
    await health.report();
    const monitor = createErrorMonitor();
    monitor.record(commonErrors.AUTH_FAILED(), { endpoint: 'GET /me' });

    const page = await registry.metrics();
    expect(page).toMatch(/kit_breaker_state\{[^}]*name="partner"[^}]*\} 2/);
    expect(page).toMatch(/kit_breaker_calls_total\{[^}]*outcome="failure"[^}]*\} 1/);
    expect(page).toMatch(/kit_breaker_rejections_total\{[^}]*\} 1/);
    expect(page).toMatch(
      /kit_tx_duration_seconds_count\{[^}]*manager="ledger"[^}]*outcome="committed"[^}]*\} 1/,
    );
    expect(page).toMatch(/kit_health_status\{[^}]*check="db"[^}]*\} 1/);
    expect(page).toMatch(/kit_errors_total\{[^}]*code="AUTH_FAILED"[^}]*\} 1/);
    stop();
    monitor.close();
    health.close();
    await close();
  });
});

async function openMetrics(metrics: ReturnType<typeof createMetrics>): Promise<string> {
  const handler = metrics.handler({ cacheMs: 0 });
  const app = await startExpress((express) => {
    express.get('/metrics', handler);
  });
  const response = await fetch(`${app.url}/metrics`, { headers: { accept: 'application/openmetrics-text' } });
  const text = await response.text();
  await app.close();
  return text;
}
