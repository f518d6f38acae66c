import { afterEach, describe, expect, it } from 'vitest';
import { engines } from './database.ts';
import { createWorld, eventually, settled, type World } from './harness.ts';
import { findings, nothing } from './invariants.ts';

describe.each(engines)('relays on %s', (engine) => {
  let world: World;
  afterEach(() => world?.end());

  it(
    'killed between publish and delete deliver twice, and the inbox acts once',
    { timeout: 300_000 },
    async () => {
      world = await createWorld(engine);
      const service = await world.instance();
      await service.pay({ id: 'p', amount: 100 });
      const dying = await world.instance({ RELAY: 'dies-after-publish' });
      expect(await dying.child.exited).toMatchObject({ signal: 'SIGKILL' });
      expect(await world.knex('kit_outbox')).toHaveLength(1);
      await world.instance({ RELAY: 'on' });
      await eventually(async () => (await world.knex('kit_outbox')).length === 0);
      const { deliveries } = await world.ledger();
      expect(deliveries).toHaveLength(2);
      expect(new Set(deliveries.map(({ id }) => id)).size).toBe(1);
      expect(await world.knex('notices')).toEqual([{ subject: 'p' }]);
      expect(await findings(world)).toEqual(nothing);
    },
  );

  it(
    'are four, one of them killed again and again: each key in order, nothing missing',
    { timeout: 300_000 },
    async () => {
      world = await createWorld(engine);
      const [service] = await Promise.all([
        world.instance(),
        ...[1, 2, 3].map(() => world.instance({ RELAY: 'on' })),
      ]);
      const ids = Array.from({ length: 6 }, (_, n) => `p${n}`);
      const writing = new AbortController();
      const killing = (async () => {
        while (!writing.signal.aborted) {
          const fourth = await world.instance({ RELAY: 'on' });
          await fourth.kill();
        }
      })();
      for (const id of ids) {
        await service.pay({ id, amount: 100 });
        // Messages of the same key as the payment's own, in an order of their own.
        await world.knex('kit_outbox').insert(
          [1, 2, 3, 4].map((n) => ({
          message_id: `${id}-${n}`, topic: 'more', msg_key: id, payload: JSON.stringify({ subject: id, n }), headers: '{}',
          status: 'pending', attempts: 0, due_at: 0, created_at: 0,
        })), // prettier-ignore
        );
      }
      writing.abort();
      await killing;
      await settled(world);
      await eventually(async () => (await world.knex('kit_outbox')).length === 0);
      const { deliveries } = await world.ledger();
      for (const id of ids) {
        const seen = deliveries
          .filter(({ key }) => key === id)
          .map(({ payload }) => (payload as { n?: number }).n ?? 0);
        // A killed relay's messages come again; first sight is what is in order.
        expect([...new Set(seen)]).toEqual([0, 1, 2, 3, 4]);
      }
      expect(await world.knex('notices')).toHaveLength(ids.length * 5);
      expect(await findings(world)).toEqual(nothing);
    },
  );
});
