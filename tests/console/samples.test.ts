import { channel } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { createCheckHistory } from '../../examples/payment-service/src/interface/console/check-history.ts';
import {
  between,
  createHttpSamples,
} from '../../examples/payment-service/src/interface/console/http-samples.ts';
import { httpTotals } from '../../examples/payment-service/src/interface/console/http-totals.ts';
import { createLoginLimit } from '../../examples/payment-service/src/interface/console/login-limit.ts';

const totals = (requests: number, errors: number, ...counts: number[]) => ({
  requests,
  errors,
  buckets: [0.1, 0.5, 1, Infinity].map((bound, index) => [bound, counts[index] ?? requests] as const),
});

describe('a sample between two readings', () => {
  const second = (before: ReturnType<typeof totals>, after: ReturnType<typeof totals>) =>
    between({ totals: before, at: 0 }, { totals: after, at: 1_000 });

  it('has the rate, the share of errors and the p95 of what lies between', () => {
    // 100 requests: 90 within 100 ms, 100 within 500 ms: the 95th lies in the middle of the second bucket.
    const sample = second(totals(50, 0, 0, 0, 50), totals(150, 5, 90, 100, 150));
    expect(sample).toMatchObject({ perSecond: 100, errorRatio: 0.05 });
    expect(sample.p95Ms).toBeCloseTo(300, 0);
  });

  it('has no p95 when nothing happened', () => {
    expect(second(totals(5, 1), totals(5, 1))).toEqual({ at: 1_000, perSecond: 0, errorRatio: 0 });
  });

  it('says the last bound for what is slower than all', () => {
    expect(second(totals(0, 0), totals(10, 0, 0, 0, 0, 10)).p95Ms).toBe(1_000);
  });

  it('begins anew when the counters do', () => {
    expect(second(totals(1_000, 900), totals(4, 1))).toMatchObject({ perSecond: 4, errorRatio: 0.25 });
  });
});

describe('the ring of samples', () => {
  it('holds 15 minutes and no more, whether or not somebody looks', async () => {
    let time = 0;
    let requests = 0;
    let taken = 0;
    const samples = createHttpSamples(() => totals((requests += 10), 0), {
      sampleMs: 100,
      now: () => (time += 60_000),
      onSample: () => (taken += 1),
    });
    await expect.poll(() => taken).toBeGreaterThan(20);
    samples.close();
    const kept = samples.read();
    expect(kept.length).toBe(15);
    expect(kept.at(-1)!.at - kept[0]!.at).toBeLessThan(15 * 60_000);
  });
});

describe('httpTotals', () => {
  const registry = (values: unknown[]) => ({ getSingleMetric: () => ({ get: async () => ({ values }) }) });
  const series = (route: string, status_code: number, counts: number[]) => [
    ...[0.1, '+Inf'].map((le, index) => ({
      metricName: 'http_request_duration_seconds_bucket',
      labels: { route, status_code, le },
      value: counts[index],
    })),
    { metricName: 'http_request_duration_seconds_sum', labels: { route, status_code }, value: 1 },
    { metricName: 'http_request_duration_seconds_count', labels: { route, status_code }, value: counts[1] },
  ];

  it('adds up the routes of the service and leaves probes, scrapes and the console out', async () => {
    const read = httpTotals(
      registry([
        ...series('/v1/payments', 201, [7, 10]),
        ...series('/v1/payments', 503, [1, 2]),
        ...series('/health/ready', 200, [500, 500]),
        ...series('/metrics', 200, [50, 50]),
        ...series('/admin/sagas', 200, [5, 5]),
      ]),
    );
    expect(await read()).toEqual({
      requests: 12,
      errors: 2,
      buckets: [
        [0.1, 8],
        [Infinity, 12],
      ],
    });
  });

  it('says which metric is missing', async () => {
    await expect(httpTotals({ getSingleMetric: () => undefined })()).rejects.toThrow(
      'there is no metric http_request_duration_seconds',
    );
  });
});

describe('the history of checks', () => {
  it('keeps the worst of each span, moves on, and remembers a bounded number of checks', () => {
    let time = 15_000 * 1_000;
    const history = createCheckHistory(() => time);
    const checked = channel('kit:health:checked');
    const say = (name: string, status: unknown) => checked.publish({ name, status });
    say('db', 'healthy');
    say('db', 'unhealthy');
    say('db', 'healthy');
    time += 2 * 15_000;
    say('db', 'degraded');
    say('db', 'a new word');
    expect(history.of('db')).toMatch(/^\.{57}u\.d$/);
    expect(history.of('nobody')).toBe('.'.repeat(60));
    time += 3_600_000;
    expect(history.of('db')).toBe('.'.repeat(60));
    for (let n = 0; n < 1_000; n += 1) say(`check-${n}`, 'healthy');
    expect(history.of('check-999')).toBe('.'.repeat(60));
    history.close();
  });
});

describe('the limit of logins', () => {
  it('counts a network of IPv6 as one, and an address of IPv4 for itself', () => {
    const limit = createLoginLimit(1, 1_000, () => 0);
    limit.failed('2001:db8:1:2::1');
    expect(limit.waitMs('2001:db8:1:2:ffff:1:2:3')).toBe(1_000);
    expect(limit.waitMs('2001:db8:1:3::1')).toBe(0);
    limit.failed('203.0.113.1');
    expect(limit.waitMs('203.0.113.1')).toBe(1_000);
    expect(limit.waitMs('203.0.113.2')).toBe(0);
  });

  it('remembers a bounded number of addresses; those beyond share one count', () => {
    const limit = createLoginLimit(2, 1_000, () => 0);
    for (let n = 0; n < 1_010; n += 1) limit.failed(`10.0.${Math.floor(n / 256)}.${n % 256}`);
    expect(limit.waitMs('192.0.2.1')).toBe(1_000);
    expect(limit.waitMs('10.0.0.1')).toBe(0);
  });
});
