import { defineServerBench } from 'kit-tooling/bench';

export default defineServerBench({
  package: 'trace',
  title: 'Fastify: context, ids, headers and the finish log',
  bare: 'bare',
  baseline: 'pino-http + @fastify/request-context',
  servers: {
    bare: new URL('./servers/fastify-bare.ts', import.meta.url),
    kit: new URL('./servers/fastify-kit.ts', import.meta.url),
    'pino-http with ids + @fastify/request-context': new URL(
      './servers/fastify-peer-ids.ts',
      import.meta.url,
    ),
    'pino-http + @fastify/request-context': new URL('./servers/fastify-peer.ts', import.meta.url),
  },
  target: { ratio: 1.0, of: 'pino-http + @fastify/request-context' },
  notes:
    'All write one line a request to a file, synchronously. Kit sends two headers and masks the line; pino-http alone sends none, "with ids" it has the `genReqId` of its README, which sends one.',
});
