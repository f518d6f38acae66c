import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface FaultServer {
  url: string;
  /** Requests that arrived, by path without query. */
  hits: Map<string, number>;
  /** Headers of the last request of each path. */
  headers: Map<string, IncomingMessage['headers']>;
  close(): Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse, hit: number) => unknown;

/** A real partner that fails in every way a partner can; the path says how. */
export async function startFaultServer(): Promise<FaultServer> {
  const hits = new Map<string, number>();
  const headers: FaultServer['headers'] = new Map();
  const server = createServer((request, response) => {
    const path = request.url!.split('?')[0]!;
    const hit = (hits.get(path) ?? 0) + 1;
    hits.set(path, hit);
    headers.set(path, request.headers);
    const handler = HANDLERS[path.split('/')[1]!];
    if (handler === undefined) response.writeHead(404).end();
    else void handler(request, response, hit);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hits,
    headers,
    close: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const HANDLERS: Record<string, Handler> = {
  ok: (_, response) => response.end('ok'),
  echo: async (request, response) => {
    const { method, url, headers } = request;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ method, url, headers, body: await text(request) }));
  },
  /** /status/<code> */
  status: (request, response) => {
    const status = Number(request.url!.split('/')[2]);
    response.writeHead(status).end(`status ${status}`);
  },
  /** /burst/<n>/<any>: 503 for the first n requests. */
  burst: (request, response, hit) => {
    const failing = hit <= Number(request.url!.split('/')[2]);
    response.writeHead(failing ? 503 : 200).end(failing ? 'busy' : 'ok');
  },
  /** /retry-after/<seconds|date>: 429 once. */
  'retry-after': (request, response, hit) => {
    const form = request.url!.split('/')[2];
    const at = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 1_000).toUTCString();
    if (hit > 1) response.end('ok');
    else response.writeHead(429, { 'retry-after': form === 'date' ? at : String(form) }).end();
  },
  hang: () => {},
  stall: (_, response) => response.writeHead(200, { 'content-length': '100' }).write('half'),
  /** /stall-once/<any> */
  'stall-once': (_, response, hit) =>
    hit > 1 ? response.end('ok') : response.writeHead(200, { 'content-length': '100' }).write('half'),
  reset: (request) => request.socket.resetAndDestroy(),
  /** /reset-once/<any> */
  'reset-once': (request, response, hit) => (hit > 1 ? response.end('ok') : request.socket.resetAndDestroy()),
  /** /break-once/<any>: in the middle of the body. */
  'break-once': (request, response, hit) => {
    if (hit > 1) return void response.end('ok');
    response
      .writeHead(200, { 'content-length': '100' })
      .write('half', () => request.socket.resetAndDestroy());
  },
  drip: (_, response) => {
    const timer = setInterval(() => response.write('.'), 30);
    response.on('close', () => clearInterval(timer));
  },
  redirect: (_, response) => response.writeHead(302, { location: '/ok' }).end(),
  loop: (_, response) => response.writeHead(302, { location: '/loop' }).end(),
  /** /big/<MiB>/<status> */
  big: (request, response) => {
    const [, , size, status] = request.url!.split('/');
    const chunk = Buffer.alloc(65_536, 'x');
    let left = Number(size) * 16;
    response.writeHead(Number(status ?? 200), { 'content-type': 'text/plain' });
    const write = () => {
      while (left > 0) {
        left -= 1;
        if (!response.write(chunk)) return void response.once('drain', write);
      }
      response.end();
    };
    write();
  },
};
