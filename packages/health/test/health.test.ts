import { recordChannels } from 'kit-tooling/channels';
import { createClock } from 'kit-tooling/clock';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createHealth, gracefulShutdown, type HealthReport, httpCheck } from '../src/index.js';
import { fakeCheck, healthWith } from './fakes.js';

describe('health.report', () => {
  it('is as bad as its worst critical check', async () => {
    const health = healthWith([fakeCheck('a').check, fakeCheck('b', { status: 'degraded' }).check]);
    expect((await health.report()).status).toBe('degraded');
    health.add(fakeCheck('c', { status: 'unhealthy' }).check);
    expect((await health.report()).status).toBe('unhealthy');
  });

  it('is only degraded by an unhealthy check that is not critical', async () => {
    const health = healthWith([fakeCheck('db').check]);
    health.add(fakeCheck('mail', { status: 'unhealthy' }).check, { critical: false });
    const report = await health.report();
    expect(report.status).toBe('degraded');
    expect(report.checks[1]).toMatchObject({ status: 'unhealthy', critical: false });
  });

  it('is healthy without checks, and can be asked for one group', async () => {
    const health = createHealth();
    expect(await health.report()).toMatchObject({ status: 'healthy', checks: [] });
    health.add(fakeCheck('a').check);
    health.add(fakeCheck('b').check, { groups: ['partners'] });
    expect((await health.report({ group: 'partners' })).checks.map(({ name }) => name)).toEqual(['b']);
    expect((await health.report()).checks).toHaveLength(2);
  });

  it('keeps the order of add and is frozen', async () => {
    const health = healthWith(['z', 'a', 'm'].map((name) => fakeCheck(name).check));
    const report = await health.report();
    expect(report.checks.map(({ name }) => name)).toEqual(['z', 'a', 'm']);
    expect(Object.isFrozen(report) && Object.isFrozen(report.checks)).toBe(true);
  });
});

describe('readiness', () => {
  it('is strict by default: every check of ready must be healthy', async () => {
    const db = fakeCheck('db');
    const health = healthWith([db.check], { ttlMs: 0 });
    await health.report();
    expect(health.isReady()).toBe(true);
    db.answer = { status: 'degraded' };
    await health.report();
    expect(health.isReady()).toBe(false);
  });

  it('strict counts a check that is not critical, too', async () => {
    const health = createHealth().add(fakeCheck('mail', { status: 'unhealthy' }).check, { critical: false });
    await health.report();
    expect(health.isReady()).toBe(false);
  });

  it('critical-only holds while no critical check is unhealthy', async () => {
    const db = fakeCheck('db', { status: 'degraded' });
    const health = healthWith([db.check], { ttlMs: 0, readiness: 'critical-only' });
    health.add(fakeCheck('mail', { status: 'unhealthy' }).check, { critical: false });
    await health.report();
    expect(health.isReady()).toBe(true);
    db.answer = { status: 'unhealthy' };
    await health.report();
    expect(health.isReady()).toBe(false);
  });

  it('can be decided by a function, for which an exception or a promise means no', async () => {
    const db = fakeCheck('db', { status: 'degraded' });
    const seen: HealthReport[] = [];
    const byFunction = healthWith([db.check], {
      readiness: (report) => {
        seen.push(report);
        return report.status !== 'unhealthy';
      },
    });
    await byFunction.report();
    expect(byFunction.isReady()).toBe(true);
    expect(seen[0]?.checks[0]?.name).toBe('db');
    const throwing = createHealth({
      readiness: () => {
        throw new Error('no');
      },
    });
    expect(throwing.isReady()).toBe(false);
    const later = createHealth({ readiness: (async () => true) as unknown as () => boolean });
    expect(later.isReady()).toBe(false);
  });

  it('is not given before each check has a result, and asks for one', async () => {
    const db = fakeCheck('db');
    const health = healthWith([db.check]);
    expect(health.isReady()).toBe(false);
    await delay(0);
    expect(health.isReady()).toBe(true);
    expect(db.calls).toBe(1);
  });

  it('does not rest on results older than staleAfterMs', async () => {
    const clock = createClock(1_000_000);
    const health = healthWith([fakeCheck('db').check], { now: clock.now });
    await health.report();
    clock.advance(30_000);
    expect(health.isReady()).toBe(true);
    clock.advance(1);
    expect(health.isReady()).toBe(false);
    await delay(0);
    expect(health.isReady()).toBe(true);
  });

  it('stays ready for one who only asks isReady, however long', async () => {
    const clock = createClock(1_000_000);
    const db = fakeCheck('db');
    const health = healthWith([db.check], { now: clock.now });
    await health.report();
    for (let second = 0; second < 60; second += 1) {
      clock.advance(1_000);
      expect(health.isReady()).toBe(true);
      await delay(0);
    }
    db.answer = { status: 'unhealthy' };
    clock.advance(16_000);
    health.isReady();
    await delay(0);
    expect(health.isReady()).toBe(false);
  });
});

describe('health.close', () => {
  it('closes each check once, however often it is called', async () => {
    let closed = 0;
    const health = healthWith([{ ...fakeCheck('db').check, close: () => (closed += 1) }]);
    health.close();
    health.close();
    await health[Symbol.asyncDispose]();
    expect(closed).toBe(1);
  });
});

describe('health.startup', () => {
  it('holds readiness until every task is done, then stays done', async () => {
    const health = createHealth();
    const first = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    const tasks = [health.startup(() => first.promise), health.startup(() => second.promise)];
    first.resolve();
    await tasks[0];
    expect(health.isReady()).toBe(false);
    second.resolve();
    await tasks[1];
    expect(health.isReady()).toBe(true);
    const late = Promise.withResolvers<void>();
    void health.startup(() => late.promise);
    expect(health.isReady()).toBe(true);
    late.resolve();
  });

  it('stays down after a failure, tells the caller, ends no process, and may be tried again', async () => {
    const health = createHealth();
    await expect(health.startup(() => Promise.reject(new Error('migration 7 failed')))).rejects.toThrow(
      'migration 7',
    );
    void health.startup(() => {
      throw new Error('again');
    });
    await delay(5);
    expect(health.isReady()).toBe(false);
    await health.startup(() => undefined);
    expect(health.isReady()).toBe(true);
  });
});

describe('channels', () => {
  it('publish each run as frozen plain data, and nothing for a cached answer', async () => {
    const recorder = recordChannels('kit:health:checked');
    const health = healthWith([fakeCheck('db', { status: 'degraded', message: 'secret' }).check]);
    await health.report();
    await health.report();
    recorder.stop();
    expect(recorder.events).toEqual([
      {
        channel: 'kit:health:checked',
        payload: { name: 'db', status: 'degraded', durationMs: expect.any(Number) },
      },
    ]);
    expect(Object.isFrozen(recorder.events[0]?.payload)).toBe(true);
  });

  it('publish readiness when it changes, under the name of the health', async () => {
    const recorder = recordChannels('kit:health:readiness-changed');
    const db = fakeCheck('db');
    const health = healthWith([db.check, fakeCheck('other').check], { ttlMs: 0, name: 'payments' });
    await health.report();
    await health.report();
    db.answer = { status: 'unhealthy' };
    await health.report();
    db.answer = { status: 'healthy' };
    await health.report();
    health.beginShutdown();
    health.beginShutdown();
    recorder.stop();
    expect(recorder.events.map(({ payload }) => payload)).toEqual(
      [true, false, true, false].map((ready) => ({ name: 'payments', ready })),
    );
  });
});

describe('wrong input to createHealth and add', () => {
  it.each([
    [{ timeoutMs: 0 }, 'timeoutMs must be > 0 and <= 2147483647, got 0', RangeError],
    [{ timeoutMs: Infinity }, 'got Infinity', RangeError],
    [{ timeoutMs: '5' }, 'timeoutMs must be', TypeError],
    [{ ttlMs: -1 }, 'ttlMs must be >= 0', RangeError],
    [{ refresh: 'always' }, 'refresh must be \'on-demand\' or { intervalMs }, got "always"', TypeError],
    [{ refresh: { intervalMs: 0 } }, 'refresh.intervalMs must be', RangeError],
    [{ refresh: { intervalMs: 3e9 } }, 'refresh.intervalMs must be', RangeError],
    [{ staleAfterMs: 0 }, 'staleAfterMs must be', RangeError],
    [
      { refresh: { intervalMs: 1_000 }, staleAfterMs: 500 },
      'staleAfterMs must be > refresh.intervalMs (1000), got 500',
      RangeError,
    ],
    [
      { readiness: 'loose' },
      "readiness must be 'strict', 'critical-only' or a function, got \"loose\"",
      TypeError,
    ],
    [{ thresholds: { failures: 0 } }, 'thresholds.failures must be an integer >= 1, got 0', RangeError],
    [{ thresholds: { successes: 1.5 } }, 'thresholds.successes must be an integer', RangeError],
    [{ thresholds: 3 }, 'thresholds must be { failures, successes }, got 3', TypeError],
    [{ thresholds: null }, 'thresholds must be { failures, successes }, got null', TypeError],
    [{ ttlMs: Symbol('x') }, 'ttlMs must be >= 0 and <= 2147483647, got Symbol(x)', TypeError],
    [{ details: 'yes' }, 'details must be a function, got "yes"', TypeError],
    [{ basePath: 'health' }, 'basePath must be a path such as /health, got "health"', TypeError],
    [{ basePath: '/health/' }, 'basePath must be', TypeError],
    [{ now: 5 }, 'now must be a function, got 5', TypeError],
    [{ name: '' }, 'name must be a non-empty string', TypeError],
  ])('rejects %j', (options, message, type) => {
    const create = () => createHealth(options as object);
    expect(create).toThrow(type);
    expect(create).toThrow(message);
  });

  it.each([
    [undefined, {}, 'check must be an object'],
    [{ name: '', check: () => ({ status: 'healthy' }) }, {}, 'check.name must be a non-empty string'],
    [{ name: 'x' }, {}, 'check.check must be a function'],
    [fakeCheck('x').check, { timeoutMs: -1 }, 'timeoutMs must be'],
    [fakeCheck('x').check, { ttlMs: NaN }, 'ttlMs must be'],
    [fakeCheck('x').check, { critical: 'no' }, 'critical must be a boolean, got "no"'],
    [fakeCheck('x').check, { groups: 'ready' }, 'groups must be an array'],
    [fakeCheck('x').check, { groups: [''] }, 'groups must be a non-empty string'],
  ])('add rejects %o with %o', (check, options, message) => {
    expect(() => createHealth().add(check as never, options as never)).toThrow(message);
  });

  it('rejects options that are no object and a startup that is no function', () => {
    expect(() => createHealth(null as never)).toThrow('options must be an object, got null');
    expect(() => createHealth().add(fakeCheck('db').check, null as never)).toThrow(
      'options must be an object, got null',
    );
    expect(() => httpCheck(undefined as never)).toThrow('options must be an object, got undefined');
    expect(() => gracefulShutdown(undefined as never)).toThrow('options must be an object, got undefined');
    expect(() => createHealth().startup('migrate' as never)).toThrow('startup must be a function');
  });

  it('rejects a second check of the same name and keeps the first', async () => {
    const health = healthWith([fakeCheck('db').check]);
    expect(() => health.add(fakeCheck('db').check)).toThrow('check.name must be unique, got "db" twice');
    expect((await health.report()).checks).toHaveLength(1);
  });
});
