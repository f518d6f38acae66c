import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engines } from './database.ts';
import type { KillPoint, PaymentInput } from './flow.ts';
import { createWorld, eventually, type Instance, settled, type World } from './harness.ts';
import { findings, nothing } from './invariants.ts';

const range = (at: string, from: number, to: number): KillPoint[] =>
  Array.from({ length: to - from + 1 }, (_, n) => ({ at, after: from + n }));

/** `after: n` dies when the n-th further statement is about to be sent: between every two of them once. */
const points: Record<string, { input: Partial<PaymentInput>; points: KillPoint[]; ends: string }> = {
  'the business write, its commit, and the intent of the call': {
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
    points: range('complete:written', 0, 4),
    ends: 'completed',
  },
  'the undo at the partner': {
    input: { failsBeforeCharge: true },
    points: [...range('undo-order:calling', 0, 0), ...range('undo-order:answered', 0, 4)],
    ends: 'compensated',
  },
  'the undo of the row': {
    input: { failsBeforeCharge: true },
    points: range('undo-row:written', 0, 3),
    ends: 'compensated',
  },
};

describe.each(engines)('kill -9 on %s', (engine) => {
  let world: World;
  let survivor: Instance;
  beforeAll(async () => {
    world = await createWorld(engine);
    survivor = await world.instance();
  });
  afterAll(() => world?.end());

  for (const [what, { input, points: kills, ends }] of Object.entries(points)) {
    it(`around ${what}: one effect per key, and the saga ends ${ends}`, { timeout: 120_000 }, async () => {
      const ids = kills.map((_, n) => `${what.slice(4, 12)}-${n}`.replaceAll(' ', '-'));
      const victims = kills.map((kill, n) => async () => {
        const victim = await world.instance({ OBEYS: ids[n]!, POLL: '600000', LEASE: '3000' });
        const missed = victim.pay({ id: ids[n]!, amount: 100, ...input, kill }).then<unknown, unknown>(
          (saga) => ({ missed: kill, status: saga.status }),
          // Gone, as it should be; or it lost its lease to a survivor on a machine under load.
          (error: Error) => (error.message.startsWith('the instance is gone') ? victim.child.exited : error),
        );
        expect(await Promise.race([victim.child.exited, missed])).toMatchObject({ signal: 'SIGKILL' });
      });
      await atMost(3, victims);
      await eventually(async () => {
        const open = await world.knex('kit_saga').whereIn('status', ['running', 'compensating']).first();
        return open === undefined;
      });
      // The rows of this test alone, one for each kill: none was lost, and what each ended as.
      const rows = (await world.knex('kit_saga').select('status', 'input')).filter((row) =>
        ids.includes(JSON.parse(row.input).id),
      );
      expect(rows.map(({ status }) => status)).toEqual(ids.map(() => ends));
      expect(await findings(world)).toEqual(nothing);
    });
  }

  it('leaves nothing open', async () => {
    expect(await settled(world)).toEqual({ completed: 25, compensated: 10 });
    expect(await survivor.get('no-such-saga')).toBeUndefined();
  });
});

async function atMost(size: number, jobs: (() => Promise<void>)[]): Promise<void> {
  const queue = [...jobs];
  const work = async () => {
    for (let job = queue.shift(); job; job = queue.shift()) await job();
  };
  await Promise.all(Array.from({ length: size }, work));
}
