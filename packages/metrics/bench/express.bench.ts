import { defineServerBench } from 'kit-tooling/bench';

export default defineServerBench({
  package: 'metrics',
  title: 'Express: CPU that metrics add to a request',
  bare: 'bare',
  baseline: 'express-prom-bundle',
  path: '/users/42',
  servers: {
    bare: new URL('./servers/express-bare.ts', import.meta.url),
    kit: new URL('./servers/express-kit.ts', import.meta.url),
    'express-prom-bundle': new URL('./servers/express-prom-bundle.ts', import.meta.url),
  },
  target: { ratio: 0.5, of: 'express-prom-bundle' },
});
