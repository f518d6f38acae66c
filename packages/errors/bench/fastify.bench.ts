import { defineServerBench } from 'kit-tooling/bench';

export default defineServerBench({
  package: 'errors',
  title: "Fastify: CPU per failed request, against Fastify's own error handler",
  baseline: "Fastify's own",
  path: '/orders/42',
  status: 500,
  servers: {
    "Fastify's own": new URL('./servers/fastify-default.ts', import.meta.url),
    errorsPlugin: new URL('./servers/fastify-kit.ts', import.meta.url),
  },
  target: { case: 'errorsPlugin', ratio: 1.15, of: "Fastify's own" },
  notes: 'A handler throws a plain Error; no logger.',
});
