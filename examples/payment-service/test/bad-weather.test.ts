import { startPostgres, type TestServer } from 'kit-tooling/servers';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type Platform, startPlatform } from './platform.ts';

describe('a database that goes away', () => {
  let database: TestServer;
  let platform: Platform;
  beforeAll(async () => {
    database = await startPostgres();
    platform = await startPlatform({ DATABASE_URL: database.url, SAGA_LEASE_MS: '2000' });
  });
  afterAll(async () => {
    await platform?.stop();
    await database?.stop();
  });

  it('makes the service not ready, not dead, and its answers say nothing of the inside', async () => {
    await platform.pay();
    await database.kill();
    const refused = await platform.pay();
    expect(refused.status).toBe(503);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
    expect(refused.body.code).toBe('SYS_UNAVAILABLE');
    const text = JSON.stringify(refused.body);
    for (const secret of [String(database.port), 'postgres', 'ECONN', 'kit@', 'select', 'insert']) {
      expect(text).not.toContain(secret);
    }
    await eventually(
      () => platform.request('/health/ready'),
      ({ status }) => status === 503,
    );
    expect((await platform.request('/health/live')).status).toBe(200);
  });

  it('is used again as soon as it is back', async () => {
    await database.restart();
    await eventually(
      () => platform.request('/health/ready'),
      ({ status }) => status === 200,
    );
    expect((await platform.pay()).status).toBe(201);
  });

  it('in the middle of a payment leaves it to be finished when it is back', async () => {
    await platform.breakPartner('channel', { latencyMs: 500, afterEffect: true });
    const before = (await platform.effects('channel', { kind: 'charge' })).length;
    const key = randomUUID();
    const answer = platform.pay({ customerId: 'in-between' }, key);
    await eventually(
      () => platform.effects('channel', { kind: 'charge' }),
      (charges) => charges.length > before,
    );
    await database.kill();
    await answer;
    await platform.heal('channel');
    await database.restart();
    const { body } = await eventually(
      () => platform.pay({ customerId: 'in-between' }, key),
      ({ status }) => status === 201,
    );
    expect(await platform.effects('channel', { reference: body.id, kind: 'charge' })).toHaveLength(1);
  });
});

describe('a service that is told to stop', () => {
  it('finishes the payment it is taking, and then goes', async () => {
    const platform = await startPlatform();
    try {
      await platform.breakPartner('channel', { latencyMs: 700 });
      const answer = platform.pay();
      await eventually(
        () => platform.effects('order'),
        (orders) => orders.length === 1,
      );
      platform.service.signal('SIGTERM');
      expect((await answer).status).toBe(201);
      expect(await platform.service.exited).toEqual({ code: 0, signal: null });
    } finally {
      await platform.stop();
    }
  });
});
