import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { createApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { engines } from './engines.ts';

export const adminToken = 'the-administrators-token';

export interface Service {
  url: string;
  dataDir: string;
  call(
    method: string,
    path: string,
    options?: { body?: unknown; token?: string; headers?: Record<string, string> },
  ): Promise<Answer>;
  /** A registered user with a token. */
  newUser(email?: string): Promise<{ id: string; email: string; password: string; token: string }>;
  close(): Promise<void>;
}

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown> & { code?: string; traceId?: string };
}

/** The service on a free port, with a data folder of its own. */
export async function startService(env: Record<string, string> = {}): Promise<Service> {
  const dataDir = mkdtempSync(join(tmpdir(), 'kit-users-'));
  const config = readConfig({
    NODE_ENV: 'test',
    USER_PORT: '0',
    LOG_LEVEL: 'silent',
    DATA_DIR: dataDir,
    ADMIN_TOKEN: adminToken,
    AUTH_RATE_PER_MINUTE: '10000',
    ...env,
  });
  const { app, close } = await createApp(config);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  let serial = 0;

  const call = callAt(url);

  return {
    url,
    dataDir,
    call,
    async newUser(email = `user-${(serial += 1)}@example.org`) {
      const password = 'correct horse battery';
      const { body } = await call('POST', '/auth/register', { body: { email, name: 'Ada', password } });
      const login = await call('POST', '/auth/login', { body: { email, password } });
      return { id: String(body.id), email, password, token: String(login.body.accessToken) };
    },
    async close() {
      await app.close();
      await close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** The same scenarios on every engine; `service` is there when they run. */
export function onEveryEngine(title: string, scenarios: (service: Service) => void): void {
  describe.each(engines)(`${title}, on $engine`, ({ start }) => {
    const service = {} as Service;
    let engine: Awaited<ReturnType<typeof start>>;
    beforeAll(async () => {
      engine = await start();
      Object.assign(service, await startService(engine.env));
    });
    afterAll(async () => {
      await service.close?.();
      await engine?.stop();
    });
    scenarios(service);
  });
}

/** Calls any instance. */
export function callAt(url: string): Service['call'] {
  return async (method, path, { body, token, headers } = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : {} };
  };
}
