import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { createTerminus } from '@godaddy/terminus';
import { answer, graceMs, ping, tellPort } from './work.ts';

const server = createServer((req, res) => void answer(req, res));
createTerminus(server, {
  healthChecks: { '/health/ready': ping },
  beforeShutdown: () => delay(graceMs),
  timeout: 20_000,
  useExit0: true,
});
server.listen(0, '127.0.0.1', () => tellPort(server));
