import { defineServerBench } from 'kit-tooling/bench';

export default defineServerBench({
  package: 'metrics',
  title: 'Fastify: CPU that metrics add to a request',
  bare: 'bare',
  baseline: 'fastify-metrics',
  path: '/users/42',
  servers: {
    bare: new URL('./servers/fastify-bare.ts', import.meta.url),
    kit: new URL('./servers/fastify-kit.ts', import.meta.url),
    'fastify-metrics': new URL('./servers/fastify-metrics.ts', import.meta.url),
  },
  target: { ratio: 0.5, of: 'fastify-metrics' },
});
