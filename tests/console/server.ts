import { createBreakerRegistry } from '@kit/breaker';
import { createErrorMonitor } from '@kit/errors';
import { createHealth } from '@kit/health';
import express from 'express';
import express4 from 'express-4';
import Fastify from 'fastify';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Console, createConsole } from '../../examples/payment-service/src/interface/console/console.ts';
import { consoleMiddleware } from '../../examples/payment-service/src/interface/console/express.ts';
import { consolePlugin } from '../../examples/payment-service/src/interface/console/fastify.ts';
import type { ConsoleOptions } from '../../examples/payment-service/src/interface/console/options.ts';
import type { SagaView } from '../../examples/payment-service/src/interface/console/ports.ts';

export const token = 'an-admin-token-for-tests';
export const mounts = ['node:http', 'express', 'express behind parsers', 'express 4', 'fastify'] as const;
export type Mount = (typeof mounts)[number];

/** A service that has nothing but a console and the packages it looks at. */
export interface Started {
  url: string;
  server: Server;
  console: Console;
  health: ReturnType<typeof createHealth>;
  monitor: ReturnType<typeof createErrorMonitor>;
  breakers: ReturnType<typeof createBreakerRegistry>;
  audited: Record<string, unknown>[];
  failures: { error: unknown; panel: string }[];
  stop(): Promise<void>;
}

export async function startConsole(
  options: Partial<ConsoleOptions> = {},
  mount: Mount = 'node:http',
): Promise<Started> {
  const health = createHealth({ ttlMs: 0 });
  const monitor = createErrorMonitor();
  const breakers = createBreakerRegistry();
  const audited: Record<string, unknown>[] = [];
  const failures: Started['failures'] = [];
  const console = createConsole({
    title: 'test-service',
    token,
    health,
    breakers: () => breakers.toJSON(),
    errors: monitor,
    audit: { record: (entry) => audited.push(entry) },
    onError: (error, panel) => failures.push({ error, panel }),
    refreshMs: 100,
    ...options,
  });
  const server = await serve(console, mount);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    server,
    console,
    health,
    monitor,
    breakers,
    audited,
    failures,
    async stop() {
      console.close();
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
      health.close();
    },
  };
}

async function serve(console: Console, mount: Mount): Promise<Server> {
  if (mount === 'fastify') {
    const app = Fastify();
    await app.register(consolePlugin, { console });
    app.get('/', () => 'hello');
    await app.listen({ host: '127.0.0.1', port: 0 });
    return app.server;
  }
  if (mount === 'node:http') {
    return listening(
      createServer((req, res) => {
        if (console.owns(req.url)) void console.handle(req, res);
        else res.end('hello');
      }),
    );
  }
  const app = mount === 'express 4' ? express4() : express();
  if (mount === 'express behind parsers') app.use(express.json(), express.urlencoded({ extended: true }));
  app.use(consoleMiddleware(console));
  app.get('/', (_req, res) => void res.send('hello'));
  return listening(createServer(app));
}

async function listening(server: Server): Promise<Server> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

/** A request without a redirect followed. */
export async function ask(url: string, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${url}/admin/console${path}`, { redirect: 'manual', ...init });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

export const postForm = (
  url: string,
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
) => ask(url, path, { method: 'POST', body: new URLSearchParams(fields), headers });

/** What a browser holds after a login: the cookie, and the token in the page. */
export interface Visitor {
  cookie: string;
  csrf: string;
}

export async function visit(url: string): Promise<Visitor> {
  const { status, headers } = await postForm(url, '/login', { token });
  if (status !== 303) throw new Error(`the login answered ${status}`);
  const [cookie = ''] = headers.get('set-cookie')!.split(';');
  const page = await ask(url, '', { headers: { cookie } });
  return { cookie, csrf: /data-csrf="([^"]+)"/.exec(page.text)![1]! };
}

/** A saga that has made it half way and not back. */
export const stuckSaga = (more: Partial<SagaView> = {}): SagaView => ({
  id: 'saga-1',
  name: 'create-payment',
  version: 1,
  status: 'stuck',
  input: { amount: 1_250 },
  error: { name: 'Error', message: 'order-service answered 503' },
  steps: [
    { seq: 0, name: 'row', phase: 'do', status: 'done', attempts: 1 },
    { seq: 1, name: 'order', phase: 'do', status: 'done', attempts: 1 },
    { seq: 1, name: 'order', phase: 'undo', status: 'failed', attempts: 2 },
  ],
  ...more,
});

/** Sagas in memory: what the console asks, and what it was told to do. */
export function sagasOf(sagas: SagaView[]) {
  const resolved: { id: string; as: string; note?: string | undefined }[] = [];
  return {
    resolved,
    list: async ({ status }: { status: string }) => sagas.filter((saga) => saga.status === status),
    get: async (id: string) => sagas.find((saga) => saga.id === id),
    backlog: async () => sagas.length,
    async resolve(id: string, resolution: { as: string; note?: string | undefined }) {
      resolved.push({ id, ...resolution });
      const index = sagas.findIndex((saga) => saga.id === id);
      sagas[index] = { ...sagas[index]!, status: resolution.as };
    },
  };
}
