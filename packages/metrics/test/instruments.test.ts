import { describe, expect, it } from 'vitest';
import { isMetricConflictError } from '../src/index.js';
import { clients, newMetrics, parse, textOf, valueOf } from './clients.js';

describe.each(clients)('instruments in a registry of %s', (_name, client) => {
  const metricsOf = () => newMetrics({ client });

  it('count by bound child, by labels and without labels', async () => {
    const metrics = metricsOf();
    const payments = metrics.counter('payments_total', { help: 'Payments', labels: ['operation', 'status'] });
    payments.child('payment', 'success').inc();
    payments.child('payment', 'success').inc(2);
    payments.inc({ operation: 'payment', status: 'success' }, 3);
    payments.inc({ status: 'success', operation: 'payment' });
    metrics.counter('starts_total', { help: 'Starts' }).inc();
    metrics.counter('starts_total', { help: 'Starts' }).inc(4);
    const text = await textOf(metrics);
    expect(valueOf(text, 'payments_total', { operation: 'payment', status: 'success' })).toBe(7);
    expect(valueOf(text, 'starts_total')).toBe(5);
  });

  it('set, raise and lower a gauge', async () => {
    const metrics = metricsOf();
    const rooms = metrics.gauge('rooms', { help: 'Rooms', labels: ['floor'] });
    rooms.set({ floor: 1 }, 10);
    rooms.inc({ floor: 1 }, 5);
    rooms.dec({ floor: 1 });
    const second = rooms.child(2);
    second.set(4);
    second.dec(6);
    second.inc();
    const plain = metrics.gauge('plain', { help: 'Plain' });
    plain.set(3);
    plain.dec();
    plain.inc(0.5);
    const text = await textOf(metrics);
    expect(valueOf(text, 'rooms', { floor: '1' })).toBe(14);
    expect(valueOf(text, 'rooms', { floor: '2' })).toBe(-1);
    expect(valueOf(text, 'plain')).toBe(2.5);
  });

  it('sort observations into cumulative buckets, a bound belonging to its own bucket', async () => {
    const metrics = metricsOf();
    const sizes = metrics.histogram('sizes', { help: 'Sizes', labels: ['kind'], buckets: [1, 2, 5] });
    for (const value of [0, 1, 1.5, 2, 4, 9]) sizes.observe({ kind: 'a' }, value);
    metrics.histogram('waits_seconds', { help: 'Waits' }).observe(0.3);
    const text = await textOf(metrics);
    const bucket = (le: string) => valueOf(text, 'sizes_bucket', { kind: 'a', le });
    expect([bucket('1'), bucket('2'), bucket('5'), bucket('+Inf')]).toEqual([2, 4, 5, 6]);
    expect(valueOf(text, 'sizes_sum')).toBe(17.5);
    expect(valueOf(text, 'sizes_count')).toBe(6);
    expect(
      parse(text)
        .filter((s) => s.name === 'waits_seconds_bucket')
        .map((s) => s.labels.le),
    ).toEqual([
      '0.005',
      '0.01',
      '0.025',
      '0.05',
      '0.075',
      '0.1',
      '0.25',
      '0.5',
      '0.75',
      '1',
      '2',
      '2.5',
      '5',
      '7.5',
      '10',
      '+Inf',
    ]);
  });

  it('give the same instrument for the same name, and one child for the same values', () => {
    const metrics = metricsOf();
    const first = metrics.counter('a_total', { help: 'A', labels: ['x'] });
    expect(metrics.counter('a_total', { help: 'A', labels: ['x'] })).toBe(first);
    expect(first.child('1')).toBe(first.child(1));
  });

  it('refuse the same name with another type, other labels, other buckets, or made by the client', () => {
    const registry = new client.Registry();
    const metrics = newMetrics({ client, registry });
    metrics.counter('a_total', { help: 'A', labels: ['x'] });
    metrics.histogram('h', { help: 'H', buckets: [1, 2] });
    const taken = new client.Gauge({ name: 'theirs', help: 'T', registers: [registry] });
    taken.set(1);
    for (const again of [
      () => metrics.gauge('a_total', { help: 'A', labels: ['x'] }),
      () => metrics.counter('a_total', { help: 'A', labels: ['y'] }),
      () => metrics.counter('a_total', { help: 'A' }),
      () => metrics.histogram('h', { help: 'H', buckets: [1, 3] }),
      () => metrics.gauge('theirs', { help: 'T' }),
    ]) {
      let error: unknown;
      try {
        again();
      } catch (caught) {
        error = caught;
      }
      expect(isMetricConflictError(error)).toBe(true);
      expect((error as { code: string }).code).toBe('KIT_METRICS_CONFLICT');
    }
  });

  it('refuse a name under which a histogram has its samples, whichever came first', () => {
    const registry = new client.Registry();
    new client.Histogram({ name: 'theirs', help: 'T', registers: [registry] }).observe(1);
    const metrics = newMetrics({ client, registry });
    metrics.histogram('h', { help: 'H' });
    metrics.counter('g_sum', { help: 'G' });
    for (const clash of [
      () => metrics.gauge('h_count', { help: 'G' }),
      () => metrics.gauge('theirs_bucket', { help: 'G' }),
      () => metrics.histogram('g', { help: 'G' }),
    ]) {
      expect(clash).toThrow(/would share samples with/);
    }
    expect(() => metrics.gauge('other_count', { help: 'G' })).not.toThrow();
  });

  it("put the prefix before every name, kit's own included", async () => {
    const metrics = newMetrics({ client, prefix: 'shop_', defaultMetrics: true });
    metrics.counter('a_total', { help: 'A' }).inc();
    await metrics.business.track('order', () => 1);
    for (const { name } of parse(await textOf(metrics))) expect(name).toMatch(/^shop_/);
    expect(valueOf(await textOf(metrics), 'shop_business_operations_total')).toBe(1);
    metrics.close();
  });

  it("put default labels on every series, a metric's own label winning", async () => {
    const metrics = newMetrics({ client, defaultLabels: { service: 'shop', zone: 'a' } });
    metrics.counter('a_total', { help: 'A', labels: ['zone'] }).inc({ zone: 'b' });
    const [sample] = parse(await textOf(metrics)).filter((s) => s.name === 'a_total');
    expect(sample!.labels).toEqual({ service: 'shop', zone: 'b' });
  });

  it("show the user's own metrics and kit's in one registry, and never touch the global one", async () => {
    const before = await client.register.metrics();
    const registry = new client.Registry();
    new client.Counter({ name: 'theirs_total', help: 'T', registers: [registry] }).inc(3);
    const metrics = newMetrics({ client, registry, defaultMetrics: true });
    metrics.counter('ours_total', { help: 'O' }).inc(2);
    const text = await registry.metrics();
    expect(valueOf(text, 'theirs_total')).toBe(3);
    expect(valueOf(text, 'ours_total')).toBe(2);
    expect(valueOf(text, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(valueOf(text, 'kit_process_memory_limit_bytes')).toBeGreaterThan(1e6);
    expect(await client.register.metrics()).toBe(before);
    expect(before).not.toContain('ours_total');
    metrics.close();
  });

  it('share the instruments of two createMetrics on one registry, and nothing between two registries', async () => {
    const registry = new client.Registry();
    const one = newMetrics({ client, registry, defaultMetrics: true });
    const two = newMetrics({ client, registry, defaultMetrics: true });
    const other = newMetrics({ client });
    one.counter('a_total', { help: 'A' }).inc();
    two.counter('a_total', { help: 'A' }).inc();
    other.counter('a_total', { help: 'A' }).inc(40);
    expect(valueOf(await registry.metrics(), 'a_total')).toBe(2);
    expect(valueOf(await textOf(other), 'a_total')).toBe(40);
    for (const metrics of [one, two, other]) metrics.close();
  });

  it('see the same users and the same disk in two createMetrics on one registry, until both are closed', async () => {
    const registry = new client.Registry();
    const [one, two] = [0, 1].map(() => newMetrics({ client, registry, defaultMetrics: true }));
    one!.business.seen('user-1');
    two!.business.seen('user-2');
    const text = await registry.metrics();
    expect(valueOf(text, 'business_active_users')).toBe(2);
    const { fsRead, fsWrite } = process.resourceUsage();
    const counted = (operation: string) => valueOf(text, 'kit_process_fs_operations_total', { operation })!;
    expect(counted('read')).toBeLessThanOrEqual(fsRead);
    expect(counted('write')).toBeLessThanOrEqual(fsWrite);
    one!.close();
    two!.business.seen('user-3');
    expect(valueOf(await registry.metrics(), 'business_active_users')).toBe(3);
    two!.close();
  });

  it('start at zero again after resetMetrics and come back after clear', async () => {
    const metrics = metricsOf();
    const registry = metrics.registry as InstanceType<typeof client.Registry>;
    const jobs = metrics.counter('jobs_total', { help: 'J' });
    jobs.inc(5);
    registry.resetMetrics();
    jobs.inc();
    expect(valueOf(await textOf(metrics), 'jobs_total')).toBe(1);
    registry.clear();
    metrics.counter('jobs_total', { help: 'J' }).inc();
    expect(valueOf(await textOf(metrics), 'jobs_total')).toBe(2);
  });
});
