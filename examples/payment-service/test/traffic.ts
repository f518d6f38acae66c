import knexFactory, { type Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually, type Platform } from './platform.ts';

/** Good and bad minutes of a service, bounded: everything that leaves a trace in its metrics. */
export async function putTrafficOn(platform: Platform, databaseUrl: string): Promise<void> {
  await breakerOpensUnderCalls(platform);
  await retriedRiskCheck(platform);
  await callerLeaves(platform);
  await settlementInDeadlock(platform, databaseUrl);
  for (let round = 0; round < 12; round += 1) {
    await everydayRound(platform, round);
    await delay(250);
  }
}

async function everydayRound(platform: Platform, round: number): Promise<void> {
  const customerId = `customer-${round}`;
  const payments = await Promise.all([1, 2, 3].map(() => platform.pay({ amount: 900, customerId })));
  for (const { body } of payments) {
    await platform.request(`/v1/payments/${body.id}`);
    await platform.request(`/v1/payments/${body.id}`);
    await post(platform, `/v1/payments/${body.id}/refunds`, { amount: 100 });
  }
  await platform.request('/v1/payments');
  await platform.request('/v1/payments/nobody');
  await platform.request('/health');
}

/** Some of the calls end when the breaker has opened already: stale results; the next payments are refused. */
async function breakerOpensUnderCalls(platform: Platform): Promise<void> {
  await platform.breakPartner('channel', { latencyMs: 1_000, errorRate: 1 });
  await Promise.all(Array.from({ length: 12 }, () => platform.pay()));
  await platform.pay();
  await healed(platform, 'channel');
}

async function retriedRiskCheck(platform: Platform): Promise<void> {
  await platform.breakPartner('risk', { errorRate: 1 });
  await platform.pay();
  await healed(platform, 'risk');
}

/** 499 */
async function callerLeaves(platform: Platform): Promise<void> {
  await platform.breakPartner('channel', { latencyMs: 3_000 });
  const leaving = post(platform, '/v1/payments', payment, AbortSignal.timeout(1_500));
  await leaving.catch(() => {});
  await healed(platform, 'channel');
}

/** PostgreSQL ends one of two that wait for each other; when it is the settlement, it is run again. */
async function settlementInDeadlock(platform: Platform, databaseUrl: string): Promise<void> {
  const knex = knexFactory({ client: 'pg', connection: databaseUrl, pool: { min: 0, max: 2 } });
  try {
    // The settlement takes its rows in an order of the database's choice, and the other side may be ended instead.
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const paid = await Promise.all([platform.pay(), platform.pay()]);
      const ids = paid.map(({ body }) => body.id as string);
      const { settled } = await meet(platform, knex, ids, ids[attempt % 2]!, ids[(attempt + 1) % 2]!);
      await settled;
      const { body: page } = await platform.request('/metrics');
      if (/kit_tx_retries_total\{[^}]*40P01/.test(page)) return;
    }
    throw new Error('no settlement was run again');
  } finally {
    await knex.destroy();
  }
}

async function meet(platform: Platform, knex: Knex, ids: string[], first: string, second: string) {
  const tx = await knex.transaction();
  try {
    // Later than the settlement, so that PostgreSQL ends that one.
    await tx.raw("set local deadlock_timeout = '4s'");
    await tx('payments').where({ id: first }).forUpdate();
    const settling = post(platform, '/v1/settlements', { paymentIds: ids });
    await eventually(
      () => knex('pg_stat_activity').where({ application_name: 'payment-service', wait_event_type: 'Lock' }),
      (waiting: unknown[]) => waiting.length > 0,
    );
    await tx('payments')
      .where({ id: second })
      .forUpdate()
      .catch(() => {});
    return { settled: settling };
  } finally {
    await tx.rollback();
  }
}

async function healed(platform: Platform, partner: 'channel' | 'risk'): Promise<void> {
  await platform.heal(partner);
  await eventually(
    () => platform.pay(),
    ({ status }) => status === 201,
  );
}

const payment = { amount: 1_250, currency: 'EUR', customerId: 'customer-1' };

function post(platform: Platform, path: string, json: unknown, signal?: AbortSignal) {
  return platform.request(path, {
    json,
    headers: { 'idempotency-key': randomUUID() },
    ...(signal && { signal }),
  });
}
