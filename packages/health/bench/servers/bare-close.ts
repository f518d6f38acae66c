import { createServer } from 'node:http';
import { answer, ping, tellPort } from './work.ts';

const server = createServer(async (req, res) => {
  if (req.url !== '/health/ready') return answer(req, res);
  await ping();
  return void res.end();
});
server.listen(0, '127.0.0.1', () => tellPort(server));
process.once('SIGTERM', () => server.close(() => process.exit(0)));
