import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engines } from './database.ts';
import { createWorld, eventually, type Instance, settled, type World } from './harness.ts';
import { findings, nothing } from './invariants.ts';

describe.each(engines)('a request with an idempotency key, on %s', (engine) => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld(engine, 600_000);
  });
  afterAll(() => world?.end());

  const ask = async (to: Instance, key: string, body: unknown) => {
    const response = await fetch(`http://127.0.0.1:${to.port}/payments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(body),
    });
    const replayed = response.headers.get('idempotency-replayed') === 'true';
    return { status: response.status, replayed, body: (await response.json()) as { status?: string } };
  };

  const frameworks = ['express', 'fastify', 'nest'];
  it(
    'whose process is killed while it is in progress is paid once by another one, on each framework',
    { timeout: 300_000 },
    // Together: each of them waits for a lease.
    async () => {
      // They live on: an answer may have come from a saga that goes on by itself.
      const others = await Promise.all(frameworks.map(killedInProgress));
      expect(await settled(world)).toEqual({ completed: frameworks.length });
      await Promise.all(others.map((other) => other.kill()));
      expect(await findings(world)).toEqual(nothing);
    },
  );

  async function killedInProgress(framework: string): Promise<Instance> {
    const payment = { id: `paid-on-${framework}`, amount: 100, chargeFault: 'slow' };
    const [killed, other] = await Promise.all([
      world.instance({ HTTP: framework, LEASE: '6000', TIMEOUT: '60000' }),
      world.instance({ HTTP: framework, LEASE: '6000', TIMEOUT: '60000' }),
    ]);
    const lost = ask(killed, framework, payment).catch(() => 'lost');
    // The partner has acted, and takes its time to say so.
    await eventually(async () =>
      (await world.ledger()).effects.some(({ kind, subject }) => kind === 'charge' && subject === payment.id),
    );
    expect(await ask(other, framework, payment)).toMatchObject({ status: 409 });
    expect(await ask(other, framework, { ...payment, amount: 1 })).toMatchObject({ status: 422 });
    await killed.kill();
    expect(await lost).toBe('lost');

    const paid = await eventually(async () => {
      const answer = await ask(other, framework, payment);
      return answer.status !== 409 && answer;
    });
    expect(paid).toMatchObject({ status: 201, replayed: false });
    const again = await ask(other, framework, payment);
    expect(again).toMatchObject({ status: 201, replayed: true, body: paid.body });
    const charges = (await world.ledger()).effects.filter(
      ({ kind, subject }) => kind === 'charge' && subject === payment.id,
    );
    expect(charges).toHaveLength(1);
    return other;
  }
});
