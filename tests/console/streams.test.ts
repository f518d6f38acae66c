import { gracefulShutdown } from '@kit/health';
import { hasSubscribers } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import { type EventReader, readEvents } from './events.ts';
import { ask, mounts, postForm, sagasOf, type Started, startConsole, stuckSaga, visit } from './server.ts';

// vitest starts its workers without --expose-gc.
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let started: Started | undefined;
const readers: EventReader[] = [];
afterEach(async () => {
  for (const reader of readers.splice(0)) reader.close();
  await started?.stop();
  started = undefined;
});

async function read(cookie: string, lastEventId?: string) {
  const reader = await readEvents(started!.url, cookie, lastEventId);
  readers.push(reader);
  return reader;
}

async function start(options: Parameters<typeof startConsole>[0] = {}) {
  started = await startConsole(options);
  const { cookie, csrf } = await visit(started.url);
  return { ...started, cookie, csrf };
}

describe('a stream', () => {
  it.each(mounts)('tells on %s of everything there is, and of each change', async (mount) => {
    const list = [stuckSaga()];
    started = await startConsole(
      {
        sagas: sagasOf(list),
        outbox: { backlog: async () => 3 },
        http: () => ({ requests: 10, errors: 1, buckets: [] }),
      },
      mount,
    );
    const { health, monitor, breakers } = started;
    let isWell = true;
    health.add({
      name: 'queue',
      check: () => (isWell ? { status: 'healthy' } : { status: 'unhealthy', message: 'no broker' }),
    });
    breakers.get('order-service');
    const { cookie } = await visit(started.url);
    const stream = await read(cookie);
    expect(stream.headers.get('content-type')).toContain('text/event-stream');
    expect((await stream.next('hello')).data.panels.toSorted()).toEqual([
      'breakers',
      'errors',
      'health',
      'http',
      'outbox',
      'sagas',
    ]);
    const { data: first } = await stream.next('health');
    expect(first.data).toMatchObject({ status: 'healthy', checks: [{ name: 'queue', status: 'healthy' }] });

    isWell = false;
    const failing = await stream.next('health', ({ data }) => data.checks[0].status === 'unhealthy');
    expect(failing.data.data.checks[0].message).toBe('no broker');
    expect(failing.data.data.checks[0].history).toMatch(/u$/);

    breakers.get('order-service').isolate();
    const open = await stream.next('breakers', ({ data }) => data[0].state === 'open');
    expect(open.data.data[0].changed.reason).toBe('isolated');

    monitor.record(new Error('no route to ledger'), { endpoint: 'POST /v1/payments' });
    const { data: errors } = await stream.next('errors', ({ data }) => data.total === 1);
    expect(errors.data.codes[0]).toMatchObject({
      code: 'SYS_INTERNAL_ERROR',
      count: 1,
      last: [{ message: 'no route to ledger', endpoint: 'POST /v1/payments', traceId: expect.any(String) }],
    });
    expect(stream.seen.find(({ event }) => event === 'sagas')!.data.data.stuck[0].id).toBe('saga-1');
    expect(stream.seen.find(({ event }) => event === 'outbox')!.data.data.size).toBe(3);
  });

  it('goes on where the reader was, and sends no panel it has seen', async () => {
    const { cookie, breakers, health } = await start();
    health.add({ name: 'queue', check: () => ({ status: 'healthy' }) });
    breakers.get('order-service');
    const first = await read(cookie);
    await first.next('errors');
    await delay(300);
    const { id } = first.seen.findLast(({ event }) => event !== 'beat' && event !== 'hello')!;
    first.close();
    breakers.get('order-service').isolate();
    const second = await read(cookie, id);
    await second.next('breakers', ({ data }) => data[0].state === 'open');
    expect(second.seen.map(({ event }) => event)).not.toContain('errors');
  });

  it.each(['x', '0-0', 'ffffffffffff-999', '../..', ' '])(
    'sends all of it to a reader whose last event %j it does not know',
    async (lastEventId) => {
      const { cookie } = await start();
      const stream = await read(cookie, lastEventId);
      await until(() =>
        ['errors', 'health'].every((name) => stream.seen.some(({ event }) => event === name)),
      );
    },
  );

  it('says now and then that it lives', async () => {
    const { cookie } = await start({ heartbeatMs: 200 });
    const stream = await read(cookie);
    await stream.next('beat');
    expect((await stream.next('beat')).data.now).toBeGreaterThan(0);
  });

  it('is refused when too many are open, and has room again when one has gone', async () => {
    const { cookie, url, console } = await start({ maxStreams: 2 });
    const first = await read(cookie);
    await read(cookie);
    const refused = await ask(url, '/events', { headers: { cookie } });
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('10');
    first.close();
    await until(() => console.streams === 1);
    expect((await read(cookie)).status).toBe(200);
  });

  it('ends with its session', async () => {
    let shift = 0;
    const { cookie } = await start({ sessionMs: 60_000, now: () => Date.now() + shift });
    const stream = await read(cookie);
    await stream.next('health');
    shift = 61_000;
    expect((await stream.next('bye')).data).toEqual({ reason: 'session' });
    await stream.ended;
  });

  it('ends with a logout, its own only', async () => {
    const { cookie, csrf, url, console } = await start();
    const mine = await read(cookie);
    await read((await visit(url)).cookie);
    await postForm(url, '/logout', { csrf }, { cookie });
    expect((await mine.next('bye')).data).toEqual({ reason: 'session' });
    await mine.ended;
    expect(console.streams).toBe(1);
  });

  it('does not keep a service from stopping', async () => {
    const { cookie, server, health, url } = await start();
    const stream = await read(cookie);
    await stream.next('health');
    const codes: number[] = [];
    const { shutdown } = gracefulShutdown({
      server,
      health,
      readyDelayMs: 0,
      exit: (code) => codes.push(code),
    });
    // A stream that kept it would be cut off, and the code another one.
    expect(await shutdown()).toBe(0);
    expect((await stream.next('bye')).data).toEqual({ reason: 'shutdown' });
    await expect(fetch(url)).rejects.toThrow();
  });

  it('is not opened while the service stops', async () => {
    const { cookie, health, url } = await start();
    health.beginShutdown();
    expect((await ask(url, '/events', { headers: { cookie } })).status).toBe(503);
  });

  it('drops a reader that does not read, and keeps the one that does', async () => {
    let round = 0;
    const text = 'x'.repeat(40_000);
    const errors = {
      snapshot: () => {
        round += 1;
        const last = Array.from({ length: 50 }, (_, n) => ({
          code: `SYS_${n}`,
          message: `${round} ${text}`,
          traceId: 'abcdef01',
          timestamp: new Date().toISOString(),
        }));
        const counts = Object.fromEntries(last.map(({ code }) => [code, round]));
        return { total: round, counts, last, perMinute: [] };
      },
    };
    const { cookie, console, server } = await start({ errors, stalledMs: 3_000, refreshMs: 200 });
    const { port } = server.address() as AddressInfo;
    const open = async () => {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      await once(socket, 'connect');
      socket.write(`GET /admin/console/events HTTP/1.1\r\nhost: x\r\ncookie: ${cookie}\r\n\r\n`);
      return socket;
    };
    const deaf = (await open()).pause();
    const awake = (await open()).resume();
    await until(() => console.streams === 2);
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    await until(() => console.streams === 1);
    collectGarbage();
    // A picture is 2 MB; what piled up for the deaf one must be nearer to one of them than to all that were sent.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60_000_000);
    const read = awake.bytesRead;
    await until(() => awake.bytesRead > read + 4_000_000);
    expect(console.streams).toBe(1);
    deaf.destroy();
    awake.destroy();
  });
});

describe('a port that fails', () => {
  const broken = () => {
    throw new Error('no connection to postgres://u:p@db');
  };
  const cases: [string, Parameters<typeof startConsole>[0], string][] = [
    ['throws', { sagas: { ...sagasOf([]), list: broken } }, 'sagas'],
    ['rejects', { outbox: { backlog: () => Promise.reject(new Error('no connection')) } }, 'outbox'],
    [
      'throws null',
      {
        breakers: () => {
          throw null;
        },
      },
      'breakers',
    ],
    ['gives what it should not', { errors: { snapshot: () => undefined as never } }, 'errors'],
    ['gives what JSON cannot hold', { outbox: { backlog: async () => 10n as never } }, 'outbox'],
    ['hangs', { panelTimeoutMs: 200, outbox: { backlog: () => new Promise(() => {}) } }, 'outbox'],
    ['counts nothing', { sampleMs: 100, http: broken }, 'http'],
    [
      'rejects its report',
      { health: { report: broken, isReady: () => true, isShuttingDown: false } },
      'health',
    ],
  ];

  it.each(cases)('because it %s is an error in its own panel', async (_, options, panel) => {
    const { cookie } = await start(options);
    const stream = await read(cookie);
    const failed = await stream.next(panel, (data) => data !== undefined && true);
    const shown =
      failed.data.error ?? (await stream.next(panel, ({ error }) => error !== undefined)).data.error;
    expect(shown.length).toBeGreaterThan(0);
    const other = panel === 'errors' ? 'breakers' : 'errors';
    await until(() => stream.seen.some(({ event, data }) => event === other && data.data !== undefined));
  });

  it('is told to the service once, not every second, and comes back by itself', async () => {
    let isBroken = true;
    const outbox = { backlog: async () => (isBroken ? broken() : 4) };
    const { cookie, failures } = await start({ outbox });
    const stream = await read(cookie);
    await stream.next('outbox', ({ error }) => error !== undefined);
    await delay(2_500);
    expect(failures.map(({ panel }) => panel)).toEqual(['outbox']);
    isBroken = false;
    expect((await stream.next('outbox', ({ data }) => data !== undefined)).data.data.size).toBe(4);
  });

  it('masks what it says', async () => {
    const mask = <T>(value: T) => (typeof value === 'string' ? value.replace(/u:p/, '***') : value) as T;
    const { cookie } = await start({ mask, outbox: { backlog: broken } });
    const stream = await read(cookie);
    const { data } = await stream.next('outbox');
    expect(data.error).toBe('no connection to postgres://***@db');
  });

  it('never has two questions at once, however long it takes', async () => {
    let running = 0;
    let most = 0;
    const outbox = {
      async backlog() {
        running += 1;
        most = Math.max(most, running);
        await delay(700);
        running -= 1;
        return 1;
      },
    };
    const { cookie } = await start({ outbox, panelTimeoutMs: 100 });
    const stream = await read(cookie);
    await stream.next('outbox', ({ data }) => data !== undefined);
    await stream.next('outbox', ({ error }) => error !== undefined);
    expect(most).toBe(1);
  });
});

describe('while nobody looks', () => {
  it('nothing is asked, and nobody listens to the outbox', async () => {
    let questions = 0;
    const count = <T>(value: T) => {
      questions += 1;
      return value;
    };
    const { cookie, console, health } = await start({
      breakers: () => count([]),
      outbox: { backlog: async () => count(0) },
    });
    health.add({ name: 'counted', check: () => count({ status: 'healthy' as const }) });
    await delay(500);
    expect(questions).toBe(0);
    expect(hasSubscribers('kit:tx:outbox-backlog')).toBe(false);

    const stream = await read(cookie);
    await stream.next('outbox');
    expect(questions).toBeGreaterThan(0);
    expect(hasSubscribers('kit:tx:outbox-backlog')).toBe(true);

    stream.close();
    await until(() => console.streams === 0);
    await delay(200);
    const after = questions;
    await delay(500);
    expect(questions).toBe(after);
    expect(hasSubscribers('kit:tx:outbox-backlog')).toBe(false);
  });

  it('no channel has a listener left after close', async () => {
    const { console } = await start();
    expect(hasSubscribers('kit:health:checked')).toBe(true);
    console.close();
    for (const name of ['kit:health:checked', 'kit:breaker:state-changed', 'kit:health:readiness-changed']) {
      expect(hasSubscribers(name)).toBe(false);
    }
  });
});

async function until(isIt: () => boolean): Promise<void> {
  const deadline = Date.now() + 90_000;
  while (!isIt()) {
    if (Date.now() > deadline) throw new Error('it did not happen within 90 s');
    await delay(20);
  }
}
