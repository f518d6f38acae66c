import { defineBench } from 'kit-tooling/bench';
import client from 'prom-client';
import { createMetrics } from '@kit/metrics';

const labelNames = ['method', 'route', 'status_code'];
const buckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2, 2.5, 5, 7.5, 10];

export default defineBench({
  package: 'metrics',
  title: 'A bound histogram observes once',
  baseline: 'prom-client',
  cases: {
    kit: () => {
      const metrics = createMetrics({ client, defaultMetrics: false });
      const child = metrics
        .histogram('h_seconds', { help: 'h', labels: labelNames, buckets })
        .child('GET', '/users/:id', 200);
      return () => child.observe(0.042);
    },
    'prom-client': () => {
      const histogram = new client.Histogram({
        name: 'h_seconds',
        help: 'h',
        labelNames,
        buckets,
        registers: [new client.Registry()],
      });
      const child = histogram.labels('GET', '/users/:id', '200');
      return () => child.observe(0.042);
    },
  },
});
