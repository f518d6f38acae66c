import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { engines } from './database.ts';
import { createWorld, eventually, type Instance, settled, type World } from './harness.ts';
import { findings, nothing } from './invariants.ts';

describe.each(engines)('instances on %s', (engine) => {
  let world: World;
  afterEach(() => world?.end());

  it(
    'take over from one that stands still past its lease; it learns so when it goes on',
    { timeout: 300_000 },
    async () => {
      // The partner takes its time: enough to stop the caller in the middle.
      world = await createWorld(engine, 8_000);
      const frozen = await world.instance({ POLL: '600000' });
      const paying = frozen.pay({ id: 'p', amount: 100, chargeFault: 'slow' });
      const outcome = paying.then(
        (saga) => saga.status,
        (error: { code: string; name: string }) => `${error.name} ${error.code}`,
      );
      await eventually(async () => (await world.ledger()).effects.some(({ kind }) => kind === 'charge'));
      frozen.child.signal('SIGSTOP');
      const other = await world.instance();
      expect(await settled(world)).toEqual({ completed: 1 });
      frozen.child.signal('SIGCONT');
      expect(await outcome).toBe('LeaseLostError KIT_TX_LEASE_LOST');
      expect(await findings(world)).toEqual(nothing);
      expect((await world.ledger()).effects.map(({ kind }) => kind)).toEqual(['order', 'charge']);
      expect((await other.get((await world.knex('kit_saga').first()).id))!.status).toBe('completed');
    },
  );

  it(
    'resume what a changed version left alone, as soon as its own version is back',
    { timeout: 300_000 },
    async () => {
      world = await createWorld(engine);
      const old = await world.instance({ OBEYS: 'p' });
      old.pay({ id: 'p', amount: 100, kill: { at: 'charge:answered', after: 0 } }).catch(() => {});
      await old.child.exited;
      const { id } = await world.knex('kit_saga').first();
      const redeployed = await world.instance({ VERSION: '2' });
      await delay(1_500);
      expect(await redeployed.get(id)).toMatchObject({
        status: 'running',
        version: 1,
        error: { name: 'SagaVersionError', code: 'KIT_TX_SAGA_VERSION' },
      });
      expect((await world.ledger()).effects).toHaveLength(2);
      await world.instance({ VERSION: '1' });
      expect(await settled(world)).toEqual({ completed: 1 });
      expect(await findings(world)).toEqual(nothing);
    },
  );
});

describe.each(engines.filter((engine) => engine !== 'sqlite'))('the database %s', (engine) => {
  let world: World;
  afterEach(() => world?.end());

  it('is killed and restarted while sagas are resumed: all of them end', { timeout: 300_000 }, async () => {
    world = await createWorld(engine);
    const victim = await world.instance();
    const ids = Array.from({ length: 8 }, (_, n) => `p${n}`);
    const fault = (n: number) => (n % 2 ? ('slow' as const) : undefined);
    for (const [n, id] of ids.entries())
      victim.pay({ id, amount: 100, chargeFault: fault(n) }, id).catch(() => {});
    await eventually(async () => (await world.ledger()).effects.length >= 6);
    await victim.kill();
    const recovering: Instance = await world.instance();
    await delay(700);
    await world.server!.kill();
    await delay(500);
    await world.server!.restart();
    // Those whose row was not committed yet are asked for again, as a client would.
    for (const id of ids) {
      await eventually(async () =>
        recovering.pay({ id, amount: 100, chargeFault: fault(Number(id[1])) }, id).then(
          () => true,
          () => false,
        ),
      );
    }
    expect(await settled(world)).toEqual({ completed: 8 });
    expect(await findings(world)).toEqual(nothing);
  });
});
