import { recordChannels } from 'kit-tooling/channels';
import { createClock } from 'kit-tooling/clock';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createHealth } from '../src/index.js';
import { fakeCheck, hangingCheck, healthWith } from './fakes.js';

describe('a check of createHealth, single flight and cache', () => {
  it('answers 1,000 concurrent reports with one run', async () => {
    const db = fakeCheck('db');
    const health = healthWith([db.check]);
    const reports = await Promise.all(Array.from({ length: 1_000 }, () => health.report()));
    expect(db.calls).toBe(1);
    expect(reports.every(({ status }) => status === 'healthy')).toBe(true);
  });

  it('shares a result for ttlMs and runs again after it', async () => {
    const clock = createClock(1_000_000);
    const db = fakeCheck('db');
    const health = healthWith([db.check], { now: clock.now, ttlMs: 1_000 });
    await health.report();
    clock.advance(999);
    await health.report();
    expect(db.calls).toBe(1);
    clock.advance(1);
    await health.report();
    expect(db.calls).toBe(2);
  });

  it('does not trust a result from the future of a clock that was set back', async () => {
    const clock = createClock(1_000_000);
    const db = fakeCheck('db');
    const health = healthWith([db.check], { now: clock.now });
    await health.report();
    clock.set(500_000);
    await health.report();
    expect(db.calls).toBe(2);
  });

  it('lets a check have its own ttlMs and timeoutMs', async () => {
    const clock = createClock(1_000_000);
    const slow = fakeCheck('slow');
    const health = createHealth({ now: clock.now, ttlMs: 0 });
    health.add(slow.check, { ttlMs: 60_000 });
    await health.report();
    clock.advance(59_999);
    expect((await health.report()).status).toBe('healthy');
    expect(slow.calls).toBe(1);
    const hung = hangingCheck('hung');
    health.add(hung.check, { timeoutMs: 20 });
    const report = await health.report();
    expect(report.checks[1]).toMatchObject({ status: 'unhealthy', message: 'timeout after 20 ms' });
    hung.release();
  });

  it('runs all checks at the same time', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let arrived = 0;
    const meet = async () => {
      arrived += 1;
      if (arrived === 3) resolve();
      await promise;
      return { status: 'healthy' as const };
    };
    const health = healthWith(['a', 'b', 'c'].map((name) => ({ name, check: meet })));
    expect((await health.report()).status).toBe('healthy');
  });
});

describe('a check that never settles and ignores its signal', () => {
  it('is answered for at its timeout, then at once, with one run outstanding, and recovers when that ends', async () => {
    const hung = hangingCheck('db');
    const health = healthWith([hung.check], { timeoutMs: 500, ttlMs: 50 });
    const startedAt = performance.now();
    const first = await health.report();
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(490);
    expect(first.checks[0]).toMatchObject({
      status: 'unhealthy',
      message: 'timeout after 500 ms',
      duration: '500ms',
    });
    const askedAt = performance.now();
    for (let probe = 0; probe < 20; probe += 1) {
      const again = await health.report();
      expect(again.checks[0]?.message).toBe('timeout after 500 ms');
      await delay(20);
    }
    // Twenty that each waited would take ten seconds.
    expect(performance.now() - askedAt).toBeLessThan(8_000);
    expect(hung).toMatchObject({ calls: 1, mostRunning: 1 });
    hung.isHanging = false;
    hung.release();
    await expect.poll(async () => (await health.report()).status).toBe('healthy');
    expect(hung.mostRunning).toBe(1);
  });

  it('first answers after 5 s by default, then at once', async () => {
    const hung = hangingCheck('db');
    const health = healthWith([hung.check]);
    const startedAt = performance.now();
    const report = await health.report();
    const firstMs = performance.now() - startedAt;
    expect(report.checks[0]?.message).toBe('timeout after 5000 ms');
    expect(firstMs).toBeGreaterThan(4_900);
    // A loaded machine may be late with its timers.
    expect(firstMs).toBeLessThan(15_000);
    const askedAt = performance.now();
    for (let probe = 0; probe < 1_000; probe += 1) await health.report();
    // On a quiet machine these take a few milliseconds.
    expect(performance.now() - askedAt).toBeLessThan(4_000);
    expect(hung.mostRunning).toBe(1);
    hung.release();
  });

  it('aborts the signal of the run, with a reason that says why', async () => {
    let reason: unknown;
    const health = healthWith(
      [
        {
          name: 'polite',
          check: ({ signal }) =>
            new Promise((resolve) => {
              signal.addEventListener('abort', () => {
                reason = signal.reason;
                resolve({ status: 'healthy' });
              });
            }),
        },
      ],
      { timeoutMs: 20 },
    );
    expect((await health.report()).status).toBe('unhealthy');
    expect(reason).toMatchObject({ name: 'TimeoutError', message: 'timeout after 20 ms' });
  });

  it('reaches a failure threshold although no second run can start', async () => {
    const clock = createClock(1_000_000);
    const db = hangingCheck('db');
    db.isHanging = false;
    const health = healthWith([db.check], {
      now: clock.now,
      timeoutMs: 20,
      thresholds: { failures: 3, successes: 1 },
    });
    await health.report();
    db.isHanging = true;
    const seen: string[] = [];
    for (let probe = 0; probe < 3; probe += 1) {
      clock.advance(1_000);
      seen.push((await health.report()).status);
    }
    expect(seen).toEqual(['healthy', 'healthy', 'unhealthy']);
    expect(db.mostRunning).toBe(1);
    db.release();
  });
});

describe('thresholds', () => {
  it('count a first result at once', async () => {
    const db = fakeCheck('db', { status: 'unhealthy' });
    const health = healthWith([db.check], { thresholds: { failures: 3, successes: 2 } });
    expect((await health.report()).status).toBe('unhealthy');
  });

  it('need later changes in a row, in both directions', async () => {
    const db = fakeCheck('db');
    const health = healthWith([db.check], { ttlMs: 0, thresholds: { failures: 3, successes: 2 } });
    const next = async (status: 'healthy' | 'degraded' | 'unhealthy') => {
      db.answer = { status };
      return (await health.report()).status;
    };
    expect(await next('healthy')).toBe('healthy');
    expect(await next('unhealthy')).toBe('healthy');
    expect(await next('unhealthy')).toBe('healthy');
    expect(await next('healthy')).toBe('healthy');
    expect(await next('unhealthy')).toBe('healthy');
    expect(await next('degraded')).toBe('healthy');
    expect(await next('unhealthy')).toBe('unhealthy');
    expect(await next('healthy')).toBe('unhealthy');
    expect(await next('unhealthy')).toBe('unhealthy');
    expect(await next('healthy')).toBe('unhealthy');
    expect(await next('healthy')).toBe('healthy');
  });

  it('keep a check that flaps every 500 ms at 3/2 to at most two transitions', async () => {
    const clock = createClock(1_000_000);
    const db = fakeCheck('db');
    const health = healthWith([db.check], {
      now: clock.now,
      ttlMs: 250,
      thresholds: { failures: 3, successes: 2 },
    });
    const recorder = recordChannels('kit:health:readiness-changed');
    for (let tick = 0; tick < 240; tick += 1) {
      db.answer = { status: Math.floor(tick / 2) % 2 === 0 ? 'healthy' : 'unhealthy' };
      await health.report();
      clock.advance(250);
    }
    recorder.stop();
    expect(db.calls).toBe(240);
    expect(recorder.events.length).toBeLessThanOrEqual(2);
  });
});

describe('refresh { intervalMs }', () => {
  it('runs in the background, and callers only read', async () => {
    const db = fakeCheck('db');
    await using health = healthWith([db.check], { refresh: { intervalMs: 20 } });
    await health.report();
    const before = db.calls;
    await Promise.all(Array.from({ length: 100 }, () => health.report()));
    expect(db.calls).toBe(before);
    await expect.poll(() => db.calls).toBeGreaterThan(before + 2);
  });

  it('calls a result that was not renewed for staleAfterMs unhealthy', async () => {
    const clock = createClock(1_000_000);
    const db = fakeCheck('db');
    await using health = healthWith([db.check], { refresh: { intervalMs: 25_000 }, now: clock.now });
    expect((await health.report()).status).toBe('healthy');
    clock.advance(75_000);
    expect((await health.report()).status).toBe('healthy');
    clock.advance(1);
    const report = await health.report();
    expect(report.checks[0]).toMatchObject({
      status: 'unhealthy',
      message: 'stale: the last result is 75001 ms old',
    });
    expect(health.isReady()).toBe(false);
  });

  it('recovers within one interval of the end of a run that hung', async () => {
    const hung = hangingCheck('db');
    await using health = healthWith([hung.check], { refresh: { intervalMs: 200 }, timeoutMs: 50 });
    expect((await health.report()).checks[0]?.message).toBe('timeout after 50 ms');
    // Several intervals pass, and no second run joins the first.
    await delay(700);
    expect(hung).toMatchObject({ calls: 1, mostRunning: 1 });
    expect((await health.report()).status).toBe('unhealthy');
    hung.isHanging = false;
    hung.release();
    await expect.poll(async () => (await health.report()).status).toBe('healthy');
    expect(hung.mostRunning).toBe(1);
  });

  it('stops with close, and so does everything that waits', async () => {
    const db = fakeCheck('db');
    const health = healthWith([db.check], { refresh: { intervalMs: 10 } });
    const hung = hangingCheck('hung');
    let closed = 0;
    health.add({ ...hung.check, close: () => (closed += 1) });
    const waiting = health.report();
    await delay(30);
    health.close();
    expect((await waiting).checks[1]).toMatchObject({ status: 'unhealthy', message: 'health is closed' });
    const calls = db.calls;
    await delay(50);
    await health.report();
    expect(db.calls).toBe(calls);
    expect(closed).toBe(1);
    hung.release();
  });
});
