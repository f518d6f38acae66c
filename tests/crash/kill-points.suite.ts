import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engines } from './database.ts';
import type { KillPoint, PaymentInput, RefundInput } from './flow.ts';
import { createWorld, type Instance, settled, type World } from './harness.ts';
import { findings, nothing } from './invariants.ts';

/** Times after which the machine is taken for dead, not loaded. */
const patience = { timeout: 300_000 };

const range = (at: string, from: number, to: number): KillPoint[] =>
  Array.from({ length: to - from + 1 }, (_, n) => ({ at, after: from + n }));

/**
 * `after: n` dies when the n-th further statement is about to be sent: between every two of them once. The last step
 * ends with `last` of them: PostgreSQL changes the saga and its step in one.
 */
const pointsOf = (
  last: number,
): Record<string, { input: Partial<PaymentInput>; points: KillPoint[]; ends: string }> => ({
  'the business write, its commit with the intent of the call, and the call': {
    input: {},
    points: range('row:written', 0, 7),
    ends: 'completed',
  },
  'the call: before it, and between its answer and the commit of its result': {
    input: {},
    points: [...range('order:calling', 0, 0), ...range('order:answered', 0, 4)],
    ends: 'completed',
  },
  'the pivot': {
    input: {},
    points: [...range('charge:calling', 0, 0), ...range('charge:answered', 0, 4)],
    ends: 'completed',
  },
  'the last write, the outbox and the cursor': {
    input: {},
    points: range('complete:written', 0, last),
    ends: 'completed',
  },
  'the undo at the partner': {
    input: { failsBeforeCharge: true },
    points: [...range('undo-order:calling', 0, 0), ...range('undo-order:answered', 0, 4)],
    ends: 'compensated',
  },
  'the undo of the row': {
    input: { failsBeforeCharge: true },
    points: range('undo-row:written', 0, last),
    ends: 'compensated',
  },
});

describe.each(engines)('kill -9 on %s', (engine) => {
  let world: World;
  let survivor: Instance;
  beforeAll(async () => {
    world = await createWorld(engine);
    survivor = await world.instance();
  });
  afterAll(() => world?.end());

  const points = pointsOf(engine === 'postgres' ? 2 : 3);
  for (const [what, { input, points: kills, ends }] of Object.entries(points)) {
    it(`around ${what}: one effect per key, and the saga ends ${ends}`, patience, async () => {
      const ids = kills.map((_, n) => `${what.slice(4, 12)}-${n}`.replaceAll(' ', '-'));
      const victims = kills.map(
        (kill, n) => () =>
          dies(ids[n]!, (victim) => victim.pay({ id: ids[n]!, amount: 100, ...input, kill })),
      );
      await allDie(victims);
      await settled(world);
      // The rows of this test alone, one for each kill: none was lost, and what each ended as.
      const rows = (await world.knex('kit_saga').select('status', 'input')).filter((row) =>
        ids.includes(JSON.parse(row.input).id),
      );
      expect(rows.map(({ status }) => status)).toEqual(ids.map(() => ends));
      expect(await findings(world)).toEqual(nothing);
    });
  }

  it(
    'around the refund and the update that follows it: it goes forward and leaves its message',
    patience,
    async () => {
      const kills = [...range('refund:answered', 0, 3), ...range('refunded:written', 0, 2)];
      await survivor.pay({ id: 'refunded', amount: kills.length * 10 });
      const refunds = kills.map((kill, n): RefundInput => ({
        id: `refund-${n}`,
        payment: 'refunded',
        amount: 10,
        kill,
      }));
      await allDie(refunds.map((refund) => () => dies(refund.id, (victim) => victim.refund(refund))));
      // One more than there is, while the killed ones are still under way.
      const excess = await survivor.refund({ id: 'excess', payment: 'refunded', amount: 10 });
      expect(excess).toMatchObject({ status: 'failed', error: { message: 'more than is left' } });
      await settled(world);
      expect(await world.knex('refunds').where({ status: 'refunded' })).toHaveLength(kills.length);
      const messages: string[] = await world
        .knex('kit_outbox')
        .where('msg_key', 'like', 'refund-%')
        .pluck('msg_key');
      expect(messages.toSorted()).toEqual(refunds.map(({ id }) => id));
      expect(await findings(world)).toEqual(nothing);
    },
  );

  it('inside a settlement: all of it or nothing, and asked again it is made once', patience, async () => {
    const kills = [
      ...['processing', 'fee', 'net'].flatMap((at) => range(`settle:${at}`, 0, 1)),
      ...range('settle:completed', 0, 1),
    ];
    const asked = kills.map((kill, n) => ({ id: `settlement-${n}`, payments: [`to-settle-${n}`], kill }));
    for (const { payments } of asked) await survivor.pay({ id: payments[0]!, amount: 105 });
    await allDie(asked.map((settlement) => () => dies(settlement.id, (victim) => victim.settle(settlement))));
    expect(await findings(world)).toEqual(nothing);
    for (const settlement of asked) expect(await survivor.settle(settlement)).toBe('completed');
    expect(await world.knex('settlements').where({ status: 'completed' })).toHaveLength(asked.length);
    // Another one of the same payment, and one that fails when everything is written: both are kept as failed.
    expect(await survivor.settle({ id: 'again', payments: ['to-settle-0'] })).toBe('refused');
    await survivor.pay({ id: 'unlucky', amount: 105 });
    expect(
      await survivor.settle({ id: 'unlucky-settlement', payments: ['unlucky'], failsAtTheEnd: true }),
    ).toBe('refused');
    expect(await world.knex('settlements').where({ status: 'failed' }).orderBy('id').pluck('id')).toEqual([
      'again',
      'unlucky-settlement',
    ]);
    expect(await findings(world)).toEqual(nothing);
  });

  it('leaves nothing open', async () => {
    // Each test above counts its own; here, that no saga of them all is anything but ended.
    expect(Object.keys(await settled(world)).toSorted()).toEqual(['compensated', 'completed', 'failed']);
    expect(await survivor.get('no-such-saga')).toBeUndefined();
  });

  async function dies(id: string, ask: (victim: Instance) => Promise<unknown>): Promise<void> {
    // A lease that no machine is slow enough to lose: nobody has the saga before its owner is dead.
    const victim = await world.instance({ OBEYS: id, POLL: '600000', LEASE: '600000' });
    const missed = ask(victim).then<unknown, unknown>(
      (answer) => ({ missed: id, answer }),
      (error: Error) => (error.message.startsWith('the instance is gone') ? victim.child.exited : error),
    );
    expect(await Promise.race([victim.child.exited, missed])).toMatchObject({ signal: 'SIGKILL' });
  }

  /** Three at a time. Their sagas are up for grabs when they are all dead: another victim would take one with it. */
  async function allDie(victims: readonly (() => Promise<void>)[]): Promise<void> {
    const queue = [...victims];
    const work = async () => {
      for (let next = queue.shift(); next; next = queue.shift()) await next();
    };
    await Promise.all(Array.from({ length: 3 }, work));
    // The leases of the dead end at once instead of in ten minutes; a survivor's are shorter than that.
    await world
      .knex('kit_saga')
      .whereIn('status', ['running', 'compensating'])
      .where('due_at', '>', Date.now() + 300_000)
      .update({ due_at: 1 });
  }
});
