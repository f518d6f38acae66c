import { createAuditLog, runWithTrace } from '@kit/trace';
import { createBreaker, createRetry, fullJitter } from '@kit/breaker';
import { commonErrors, createErrorMonitor } from '@kit/errors';
import { createHealth } from '@kit/health';
import { createOutbox, createOutboxRelay, createSagaRunner, defineSaga, local, remote } from '@kit/tx';
import { readFileSync } from 'node:fs';
import { recordChannels, type RecordedEvent } from 'kit-tooling/channels';
import { createClock } from 'kit-tooling/clock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openDatabase, type Database } from './database.js';

/** The table of docs/architecture.md, as data: `?` marks a field that may be missing. */
const documented: Record<string, string[]> = {
  'kit:breaker:state-changed': ['name', 'from', 'to', 'reason', 'counts'],
  'kit:breaker:call': ['name', 'state', 'outcome', 'durationMs'],
  'kit:breaker:rejected': ['name', 'reason'],
  'kit:breaker:retried': ['name', 'attempt', 'delayMs'],
  'kit:breaker:stale': ['name'],
  'kit:tx:settled': ['name', 'mode', 'outcome', 'durationMs', 'attempts'],
  'kit:tx:retried': ['name', 'code', 'attempt'],
  'kit:tx:saga-step': ['name', 'step', 'phase', 'outcome', 'durationMs'],
  'kit:tx:saga-settled': ['name', 'outcome', 'durationMs'],
  'kit:tx:saga-stuck': ['name', 'id', 'step'],
  'kit:tx:outbox-published': ['name', 'topic', 'count', 'durationMs'],
  'kit:tx:outbox-backlog': ['name', 'size', 'oldestMs'],
  'kit:health:checked': ['name', 'status', 'durationMs'],
  'kit:health:readiness-changed': ['name', 'ready'],
  'kit:trace:anomaly': ['client', 'count', 'windowMs', 'traceId'],
  'kit:errors:raised': ['code', 'status', 'fingerprint', 'endpoint?'],
};

let recorder: ReturnType<typeof recordChannels>;
let database: Database;
beforeEach(async () => {
  database = await openDatabase();
  recorder = recordChannels(...Object.keys(documented));
});
afterEach(async () => {
  recorder.stop();
  await database.close();
});

const eventsOf = (channel: string): RecordedEvent[] =>
  recorder.events.filter((event) => event.channel === channel);

/** The payload has the documented fields, no others, and nobody can change it. */
function expectDocumented(channel: string): void {
  const events = eventsOf(channel);
  expect(events.length, `${channel} was published`).toBeGreaterThan(0);
  const fields = documented[channel]!;
  for (const { payload } of events) {
    expect(Object.isFrozen(payload), `${channel} is frozen`).toBe(true);
    for (const field of fields.filter((name) => !name.endsWith('?'))) expect(payload).toHaveProperty(field);
    const known = fields.map((name) => name.replace('?', ''));
    expect(Object.keys(payload).filter((name) => !known.includes(name))).toEqual([]);
    // Plain data: what a structured clone cannot carry is a live object.
    expect(() => structuredClone(payload)).not.toThrow();
  }
}

describe('the channels of the architecture page', () => {
  it('are the ones that are documented', () => {
    const page = readFileSync(new URL('../../docs/architecture.md', import.meta.url), 'utf8');
    for (const channel of Object.keys(documented)) expect(page).toContain(`\`${channel}\``);
  });

  it('carry a breaker from closed to open, its rejections, retries and stale results', async () => {
    const clock = createClock();
    const breaker = createBreaker({
      name: 'partner',
      minimumCalls: 2,
      failureRatio: 0.5,
      openMs: 1_000,
      now: clock.now,
    });
    const retry = createRetry({
      name: 'partner',
      maxAttempts: 2,
      backoff: fullJitter({ baseMs: 1, maxMs: 2 }),
    });
    let settleLate = (): void => {};
    const late = breaker.run(() => new Promise<void>((resolve) => (settleLate = resolve)));
    const fail = () => Promise.reject(new Error('down'));
    await retry.run(fail).catch(() => {});
    await breaker.run(fail).catch(() => {});
    await breaker.run(fail).catch(() => {});
    await breaker.run(fail).catch(() => {});
    settleLate();
    await late;
    for (const channel of ['state-changed', 'call', 'rejected', 'retried', 'stale'])
      expectDocumented(`kit:breaker:${channel}`);
    expect(eventsOf('kit:breaker:state-changed').map(({ payload }) => [payload.from, payload.to])).toEqual([
      [null, 'closed'],
      ['closed', 'open'],
    ]);
  });

  it('carry committed, rolled-back and read transactions', async () => {
    const { tm } = database;
    await tm.run(async () => tm.db('items').insert({ id: 1 }));
    await tm.run(async () => Promise.reject(new Error('no'))).catch(() => {});
    await tm.read(async () => tm.db('items').select());
    expectDocumented('kit:tx:settled');
    const settled = eventsOf('kit:tx:settled').map(({ payload }) => `${payload.mode} ${payload.outcome}`);
    expect(settled).toEqual(expect.arrayContaining(['write committed', 'write rolled-back']));
  });

  it('carry a saga that completes, one that compensates and one that is stuck', async () => {
    const input = z.object({ ok: z.boolean(), undo: z.boolean() });
    const saga = defineSaga({
      name: 'flow',
      version: 1,
      input,
      steps: [
        local('row', () => 1, {
          undo: ({ input }) => {
            if (!input.undo) throw new Error('cannot be undone');
          },
        }),
        remote('call', ({ input }) => {
          if (!input.ok) throw new Error('refused');
          return 2;
        }),
      ],
    });
    const sagas = createSagaRunner(database.tm, {
      sagas: [saga],
      leaseMs: 5_000,
      concurrency: 1,
      pollMs: 20,
      backoff: { baseMs: 1, maxMs: 2 },
      undoAttempts: 2,
    });
    expect((await sagas.start(saga, { ok: true, undo: true })).status).toBe('completed');
    expect((await sagas.start(saga, { ok: false, undo: true })).status).toBe('compensated');
    const parked = await sagas.start(saga, { ok: false, undo: false });
    await expect.poll(async () => (await sagas.get(parked.id))?.status).toBe('stuck');
    await sagas.close();
    for (const channel of ['saga-step', 'saga-settled', 'saga-stuck']) expectDocumented(`kit:tx:${channel}`);
  });

  it('carry what the outbox published and what waits in it', async () => {
    const { tm } = database;
    const outbox = createOutbox(tm);
    await tm.run(async () => {
      await outbox.add('payments', { id: 1 });
    });
    const relay = createOutboxRelay(tm, { publish: async () => {}, pollMs: 20 });
    await expect.poll(() => eventsOf('kit:tx:outbox-published').length).toBeGreaterThan(0);
    await expect.poll(() => eventsOf('kit:tx:outbox-backlog').length).toBeGreaterThan(0);
    await relay.close();
    for (const channel of ['outbox-published', 'outbox-backlog']) expectDocumented(`kit:tx:${channel}`);
  });

  it('carry health checks and changes of readiness', async () => {
    let status: 'healthy' | 'unhealthy' = 'healthy';
    const health = createHealth({ ttlMs: 0 });
    health.add({ name: 'dependency', check: () => ({ status }) }, { critical: true });
    await health.report();
    status = 'unhealthy';
    await health.report();
    health.close();
    for (const channel of ['checked', 'readiness-changed']) expectDocumented(`kit:health:${channel}`);
  });

  it('carry raised errors and a client that asks too often', async () => {
    const monitor = createErrorMonitor();
    monitor.record(commonErrors.RES_NOT_FOUND(), { endpoint: 'GET /x' });
    monitor.close();
    const audit = createAuditLog({ sink: () => {}, anomaly: { limit: 2, windowMs: 1_000, maxClients: 10 } });
    for (let index = 0; index < 4; index += 1) {
      runWithTrace({}, () => audit.record({ ip: '192.0.2.1', method: 'GET', path: '/', status: 200 }));
    }
    await audit.close();
    expectDocumented('kit:errors:raised');
    expectDocumented('kit:trace:anomaly');
  });
});
