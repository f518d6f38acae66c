import { type RunningChild, runChild } from 'kit-tooling/process';
import { freePort, hasServer } from 'kit-tooling/servers';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Engine, engines } from './engines.ts';
import { callAt, startService, type Service } from './service.ts';

const countOf = async ({ url }: Pick<Service, 'url'>, metric: string): Promise<number> => {
  const page = await (await fetch(`${url}/metrics`)).text();
  return [...page.matchAll(new RegExp(`^${metric} (\\d+)`, 'gm'))].reduce((sum, [, n]) => sum + Number(n), 0);
};
const hits = (service: Pick<Service, 'url'>, layer: string) =>
  countOf(service, `kit_cache_hits_total\\{[^}]*layer="${layer}"[^}]*\\}`);
const reads = (service: Service) =>
  countOf(service, 'kit_tx_duration_seconds_count\\{[^}]*mode="read"[^}]*\\}');
const misses = (service: Service) => countOf(service, 'kit_cache_misses_total\\{[^}]*\\}');
describe('a user that was read', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service?.close());

  it('is read from memory the next time, and that is counted', async () => {
    const { id, token } = await service.newUser();
    const first = await service.call('GET', `/users/${id}`, { token });
    const before = await hits(service, 'l1');
    expect((await service.call('GET', `/users/${id}`, { token })).body).toEqual(first.body);
    await expect.poll(() => hits(service, 'l1')).toBe(before + 1);
  });

  it('is shown as it is after a change, and not any more after it was deleted', async () => {
    const { id, token } = await service.newUser();
    for (const name of ['One', 'Two']) {
      await service.call('GET', `/users/${id}`, { token });
      await service.call('PATCH', `/users/${id}`, { token, body: { name } });
      expect((await service.call('GET', `/users/${id}`, { token })).body.name).toBe(name);
    }
    await service.call('DELETE', `/users/${id}`, { token });
    expect((await service.call('GET', `/users/${id}`, { token })).status).toBe(404);
    expect((await service.call('GET', '/auth/me', { token })).status).toBe(404);
  });

  it('is shown to nobody else, cached or not', async () => {
    const [a, b] = [await service.newUser(), await service.newUser()];
    await service.call('GET', `/users/${a.id}`, { token: a.token });
    expect((await service.call('GET', `/users/${a.id}`, { token: b.token })).status).toBe(403);
  });

  it('is not kept as missing: who registers is there at once', async () => {
    const before = await misses(service);
    const { id, token } = await service.newUser();
    expect((await service.call('GET', `/users/${id}`, { token })).status).toBe(200);
    await expect.poll(() => misses(service)).toBeGreaterThan(before);
  });
});

describe('a user that many ask for at once', () => {
  it('is read from the database once', async () => {
    const service = await startService();
    const { id, token } = await service.newUser();
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => service.call('GET', `/users/${id}`, { token })),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    // One more than the login.
    await expect.poll(() => reads(service)).toBe(2);
    await service.close();
  });
});

describe.runIf(hasServer('redis'))('two instances with one database and one Redis', () => {
  let engine: Engine;
  let one: Service;
  let two: Pick<Service, 'url' | 'call'>;
  let process: RunningChild;
  beforeAll(async () => {
    engine = await engines[1]!.start();
    one = await startService(engine.env);
    const port = await freePort();
    process = runChild(new URL('../src/main.ts', import.meta.url), {
      // One folder: the same signing keys.
      env: {
        ...engine.env,
        DATA_DIR: one.dataDir,
        USER_PORT: String(port),
        AUDIT_FILE: join(one.dataDir, 'two.log'),
        READY_DELAY_MS: '0',
      },
    });
    await process.waitFor('listens on', 150_000);
    const url = `http://127.0.0.1:${port}`;
    two = { url, call: callAt(url) };
  });
  afterAll(async () => {
    process?.signal('SIGTERM');
    await process?.exited;
    await one?.close();
    await engine?.stop();
  });

  it('share what one of them has read', async () => {
    const { id, token } = await one.newUser();
    await one.call('GET', `/users/${id}`, { token });
    const before = await hits(two, 'l2');
    expect((await two.call('GET', `/users/${id}`, { token })).body.id).toBe(id);
    await expect.poll(() => hits(two, 'l2')).toBe(before + 1);
  });

  it('forget together what one of them has changed', async () => {
    const { id, token } = await one.newUser();
    for (const service of [one, two]) await service.call('GET', `/users/${id}`, { token });
    await one.call('PATCH', `/users/${id}`, { token, body: { name: 'Changed' } });
    // Told over Redis, so within moments; the ttl would take ten seconds.
    await expect
      .poll(async () => (await two.call('GET', `/users/${id}`, { token })).body.name, { timeout: 8_000 })
      .toBe('Changed');
  });

  it('go on without Redis, say so in health and log, stay ready, and stop in order', async () => {
    await engine.redis!.kill();
    const { id, token } = await one.newUser();
    for (const service of [one, two]) {
      expect((await service.call('GET', `/users/${id}`, { token })).status).toBe(200);
      const name = `Alone at ${service.url}`;
      const changed = await service.call('PATCH', `/users/${id}`, { token, body: { name } });
      expect(changed.status).toBe(200);
      expect((await service.call('GET', `/users/${id}`, { token })).body.name).toBe(name);
      await expect.poll(async () => (await service.call('GET', '/health')).body.status).toBe('degraded');
      expect((await service.call('GET', '/health/ready')).status).toBe(200);
    }
    process.signal('SIGTERM');
    expect(await process.exited).toEqual({ code: 0, signal: null });
    // Lines of the log and nothing beside them.
    expect(process.stderr).toBe('');
  });
});

describe('a Redis that is not there from the start', () => {
  it('costs neither an answer nor the process', async () => {
    const [port, nobody] = [await freePort(), await freePort()];
    const dataDir = mkdtempSync(join(tmpdir(), 'kit-users-'));
    const process = runChild(new URL('../src/main.ts', import.meta.url), {
      env: {
        DATA_DIR: dataDir,
        REDIS_URL: `redis://127.0.0.1:${nobody}`,
        USER_PORT: String(port),
        READY_DELAY_MS: '0',
      },
    });
    try {
      await process.waitFor('listens on', 150_000);
      const call = callAt(`http://127.0.0.1:${port}`);
      const user = { email: 'a@example.org', password: 'correct horse battery' };
      const { body } = await call('POST', '/auth/register', { body: { ...user, name: 'Ada' } });
      const login = await call('POST', '/auth/login', { body: user });
      const token = String(login.body.accessToken);
      // The first reading is what opens the cache, and with it the subscription.
      for (let turn = 0; turn < 2; turn += 1)
        expect((await call('GET', `/users/${String(body.id)}`, { token })).status).toBe(200);
      // ioredis gives up on the subscription after its first attempts to connect.
      await delay(3_000);
      expect((await call('GET', '/health/live')).status).toBe(200);
      process.signal('SIGTERM');
      expect(await process.exited).toEqual({ code: 0, signal: null });
    } finally {
      process.signal('SIGKILL');
      await process.exited;
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});
