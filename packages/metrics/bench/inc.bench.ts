import { defineBench } from 'kit-tooling/bench';
import successor from '@prometheus-io/client';
import client from 'prom-client';
import { createMetrics } from '@kit/metrics';

const labelNames = ['operation', 'status'];

export default defineBench({
  package: 'metrics',
  title: 'A bound counter counts once',
  baseline: 'prom-client',
  cases: {
    kit: () => {
      const metrics = createMetrics({ client, defaultMetrics: false });
      const child = metrics
        .counter('payments_total', { help: 'p', labels: labelNames })
        .child('payment', 'success');
      return () => child.inc();
    },
    'prom-client': () => {
      const counter = new client.Counter({
        name: 'payments_total',
        help: 'p',
        labelNames,
        registers: [new client.Registry()],
      });
      const child = counter.labels('payment', 'success');
      return () => child.inc();
    },
    '@prometheus-io/client': () => {
      const counter = new successor.Counter({
        name: 'payments_total',
        help: 'p',
        labelNames,
        registers: [new successor.Registry()],
      });
      const child = counter.labels('payment', 'success');
      return () => child.inc();
    },
  },
  target: { ratio: 0.05, of: 'prom-client' },
});
