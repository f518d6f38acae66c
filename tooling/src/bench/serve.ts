import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * The child's half of a server bench: tells the port, and its CPU time whenever it is asked.
 * @example serveForBench(app.listen(0, '127.0.0.1'))
 */
export async function serveForBench(server: Server): Promise<void> {
  // The connections wait while the other servers have their turns.
  server.keepAliveTimeout = 600_000;
  if (!server.listening) await once(server, 'listening');
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send!({ cpuMicroseconds: user + system });
  });
  process.once('disconnect', () => process.exit(0));
  process.send!({ port: (server.address() as AddressInfo).port });
}
