import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

let pings = 0;

/** The dependency: 20 ms a ping, counted. */
export async function ping(): Promise<void> {
  pings += 1;
  await delay(20);
}

export const countPings = () => ({ pings });

export async function work(): Promise<object> {
  await delay(Math.random() * 5);
  return { ok: true };
}

export async function upload(req: AsyncIterable<unknown>): Promise<object> {
  let bytes = 0;
  for await (const chunk of req) bytes += (chunk as Buffer).length;
  return { bytes };
}

/** The same routes for servers without a framework. */
export async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const body = req.url === '/work' ? await work() : req.url === '/upload' ? await upload(req) : countPings();
  res.end(JSON.stringify(body));
}

export function tellPort(server: Server): void {
  process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`);
}

export const graceMs = 2_000;
