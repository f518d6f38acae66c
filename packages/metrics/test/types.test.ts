import successor, * as successorModule from '@prometheus-io/client';
import promClient, * as promClientModule from 'prom-client';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { createMetrics, type LabelValue } from '../src/index.js';

describe('the types', () => {
  it('take both clients, imported either way, and their registries', () => {
    const given = [
      createMetrics({ client: promClient, registry: new promClient.Registry(), defaultMetrics: false }),
      createMetrics({ client: promClientModule, defaultMetrics: false }),
      createMetrics({ client: successor, registry: new successor.Registry(), defaultMetrics: false }),
      createMetrics({ client: successorModule, defaultMetrics: false }),
    ];
    for (const { registry } of given) expect(registry.getMetricsAsArray().length).toBeGreaterThan(0);
  });

  it('know the labels of an instrument, by name and in order', () => {
    const metrics = createMetrics({ client: promClient, defaultMetrics: false });
    const payments = metrics.counter('payments_total', { help: 'P', labels: ['operation', 'status'] });
    expectTypeOf(payments.child).parameters.toEqualTypeOf<[operation: LabelValue, status: LabelValue]>();
    payments.inc({ operation: 'a', status: 200 });
    // @ts-expect-error a label is missing
    payments.inc({ operation: 'a' });
    // @ts-expect-error a value is missing
    expect(() => payments.child('a')).toThrow(TypeError);
    // @ts-expect-error no such label
    expect(() => payments.inc({ operation: 'a', status: 'b', colour: 'c' })).toThrow(TypeError);
    const plain = metrics.gauge('plain', { help: 'P' });
    expectTypeOf(plain.child).parameters.toEqualTypeOf<[]>();
    // @ts-expect-error it has no labels
    expect(() => plain.child('a')).toThrow(TypeError);
  });
});
