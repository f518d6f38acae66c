import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HandlerOptions, Metrics } from '../src/index.js';

export interface Served {
  url: string;
  get(headers?: Record<string, string>): Promise<{ status: number; type: string; text: string; ms: number }>;
  close(): void;
}

/** The handler behind a real node:http server. */
export async function serve(metrics: Metrics, options: HandlerOptions = {}): Promise<Served> {
  const handler = metrics.handler({ cacheMs: 0, ...options });
  const server = createServer((req, res) => void handler(req, res));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
  return {
    url,
    async get(headers = {}) {
      const startedAt = performance.now();
      const response = await fetch(url, { headers });
      const text = await response.text();
      const type = response.headers.get('content-type') ?? '';
      return { status: response.status, type, text, ms: performance.now() - startedAt };
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

export const OPENMETRICS = { accept: 'application/openmetrics-text; version=1.0.0' };
