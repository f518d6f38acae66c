import express from 'express';
import { healthRoutes } from '../../src/express.ts';
import { createHealth, gracefulShutdown } from '../../src/index.ts';
import { answer, graceMs, ping, tellPort } from './work.ts';

const health = createHealth().add({
  name: 'db',
  check: async () => {
    await ping();
    return { status: 'healthy' };
  },
});
const app = express().use(healthRoutes({ health })).use(answer);
const server = app.listen(0, '127.0.0.1', () => tellPort(server));
gracefulShutdown({ server, health, readyDelayMs: graceMs });
