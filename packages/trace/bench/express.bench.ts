import { defineServerBench } from 'kit-tooling/bench';

export default defineServerBench({
  package: 'trace',
  title: 'Express: context, ids, headers and the finish log',
  bare: 'bare',
  baseline: 'pino-http + express-http-context',
  servers: {
    bare: new URL('./servers/express-bare.ts', import.meta.url),
    kit: new URL('./servers/express-kit.ts', import.meta.url),
    'pino-http with ids + express-http-context': new URL('./servers/express-peer-ids.ts', import.meta.url),
    'pino-http + express-http-context': new URL('./servers/express-peer.ts', import.meta.url),
  },
  target: { ratio: 1.0, of: 'pino-http + express-http-context' },
  notes:
    'All write one line a request to a file, synchronously. Kit sends two headers and masks the line; pino-http alone sends none, "with ids" it has the `genReqId` of its README, which sends one.',
});
