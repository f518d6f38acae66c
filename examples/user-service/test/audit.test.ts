import { verifyAuditLog } from '@kit/trace';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminToken, startService, type Service } from './service.ts';

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service?.close());

const file = () => join(service.dataDir, 'user-audit.log');
const records = () =>
  readFileSync(file(), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** A record is written when its answer has gone. */
async function recordOf(traceId: string | undefined): Promise<Record<string, unknown>> {
  for (let attempt = 0; attempt < 3_000; attempt += 1) {
    const found = records().find((record) => String(record.traceId).endsWith(String(traceId)));
    if (found) return found;
    await delay(20);
  }
  throw new Error(`no audit record of ${traceId}`);
}
const traceOf = ({ headers }: { headers: Headers }) => headers.get('x-trace-id')!;

describe('the audit log', () => {
  it('has who changed what, when and from where, with the trace of the request', async () => {
    const { id, token } = await service.newUser();
    const answer = await service.call('PATCH', `/users/${id}`, {
      token,
      body: { name: 'Grace' },
      headers: { 'user-agent': 'the-test' },
    });
    expect(await recordOf(traceOf(answer))).toMatchObject({
      method: 'PATCH',
      path: `/users/${id}`,
      status: 200,
      userId: id,
      ip: expect.stringContaining('127.0.0.1'),
      userAgent: 'the-test',
      fields: ['name'],
    });
  });

  it('has the logins that failed', async () => {
    const { email } = await service.newUser();
    const answer = await service.call('POST', '/auth/login', { body: { email, password: 'wrong' } });
    expect(await recordOf(traceOf(answer))).toMatchObject({ path: '/auth/login', status: 401 });
  });

  it('has what a stranger was refused, and who it was', async () => {
    const [a, b] = [await service.newUser(), await service.newUser()];
    const answer = await service.call('GET', `/users/${b.id}`, { token: a.token });
    expect(await recordOf(traceOf(answer))).toMatchObject({
      path: `/users/${b.id}`,
      status: 403,
      userId: a.id,
    });
  });

  it('has what an administrator did, as the administrator', async () => {
    const { id } = await service.newUser();
    const answer = await service.call('DELETE', `/users/${id}`, { token: adminToken });
    expect(await recordOf(traceOf(answer))).toMatchObject({ status: 204, userId: 'administrator' });
  });

  it('has neither reads nor anything a person could be known by', async () => {
    const { id, token, email, password } = await service.newUser('private@example.org');
    await service.call('GET', `/users/${id}`, { token });
    const last = await service.call('DELETE', `/users/${id}`, { token });
    await recordOf(traceOf(last));
    const text = readFileSync(file(), 'utf8');
    for (const secret of [email, password, token, adminToken, 'Ada']) expect(text).not.toContain(secret);
    expect(records().filter(({ method, status }) => method === 'GET' && status === 200)).toEqual([]);
  });

  it('is a chain in which a changed record shows', async () => {
    expect(await verifyAuditLog(file())).toMatchObject({ ok: true });
  });
});
