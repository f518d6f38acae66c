import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { engines } from './database.ts';
import type { PaymentInput } from './flow.ts';
import { createWorld, type Instance, settled, type World } from './harness.ts';
import { findings } from './invariants.ts';
import type { EngineName } from './knex.ts';
import type { Fault } from './partner.ts';

// The short form is CI's for every change; the long one is `KIT_CRASH_KILLS=200`. A run is repeated by its seed.
const kills = Number(process.env.KIT_CRASH_KILLS ?? 20);
const seed = Number(process.env.KIT_CRASH_SEED ?? Date.now() % 1_000_000);
const instances = 3;
/** No kills without a payment that succeeds and one that does not: with fewer of them a run would show little. */
const leastPayments = 12;

describe('instances that are killed at random', () => {
  const table: Record<string, string | number>[] = [];

  it(
    `survive ${kills} kills: nothing is lost, nothing doubled`,
    { timeout: 300_000 + kills * 15_000 },
    async () => {
      for (const [n, engine] of engines.entries()) {
        // The remainder goes to the first: together exactly as many as were asked for, or a few more.
        table.push(await run(engine, Math.ceil(kills / engines.length), seed + n));
      }
      console.log(`seed ${seed} (KIT_CRASH_SEED=${seed} KIT_CRASH_KILLS=${kills})\n${format(table)}`);
      for (const row of table) {
        expect(row).toMatchObject({ lost: 0, doubled: 0, wrong: 0, stuck: 0 });
        expect(row.completed).toBeGreaterThan(0);
        expect(row.compensated).toBeGreaterThan(0);
      }
    },
  );
});

async function run(
  engine: EngineName,
  kills: number,
  seed: number,
): Promise<Record<string, string | number>> {
  const random = mulberry32(seed);
  const world = await createWorld(engine);
  try {
    const pool: Instance[] = [];
    const open = async (slot: number) =>
      void (pool[slot] = await world.instance({ RELAY: 'on', TIMEOUT: '400' }));
    await Promise.all(Array.from({ length: instances }, (_, slot) => open(slot)));
    const load = { running: true, accepted: 0, payments: 0 };
    const clients = Array.from({ length: instances }, (_, slot) => client(pool, slot, load, random));
    for (let killed = 0; killed < kills; killed += 1) {
      await delay(60 + random() * 200);
      const slot = Math.floor(random() * instances);
      await pool[slot]!.kill();
      await open(slot);
    }
    load.running = false;
    await Promise.all(clients);
    const ended = await settled(world, 300_000);
    await drained(world);
    const { lost, doubled, wrong } = await findings(world);
    const vanished = load.accepted - (await world.knex('kit_saga').select('id')).length;
    for (const finding of [...lost, ...doubled, ...wrong])
      console.error(`${engine}, seed ${seed}: ${finding}`);
    return {
      engine,
      kills,
      started: Object.values(ended).reduce((sum, n) => sum + n, 0),
      completed: ended.completed ?? 0,
      compensated: (ended.compensated ?? 0) + (ended.failed ?? 0),
      settlements: (await world.knex('settlements').where({ status: 'completed' })).length,
      stuck: ended.stuck ?? 0,
      lost: lost.length + Math.max(0, vanished),
      doubled: doubled.length,
      wrong: wrong.length,
    };
  } finally {
    await world.end();
  }
}

/** Pays and refunds until told to stop; an answer that got lost with an instance is asked for again, as clients do. */
async function client(
  pool: readonly Instance[],
  slot: number,
  load: { running: boolean; accepted: number; payments: number },
  random: () => number,
): Promise<void> {
  while (load.running || load.payments < leastPayments) {
    const id = `p${(load.payments += 1)}`;
    const payment = drawPayment(id, random);
    const paid = await insist(pool, slot, (instance) => instance.pay(payment, id));
    load.accepted += 1;
    if (paid?.status !== 'completed') continue;
    // Two at once, together more than the payment: at most one of them can be right.
    const refunds = [1, 2].map((n) => ({
      id: `r${n}-${id}`,
      payment: id,
      amount: 60,
      fault: drawFault(random),
    }));
    load.accepted += refunds.length;
    await Promise.all(
      refunds.map((refund) => insist(pool, slot, (instance) => instance.refund(refund, refund.id))),
    );
    // Two settlements of one payment at once: one of them is right.
    const outcomes = await Promise.all(
      [1, 2].map((n) =>
        insist(pool, slot + n, (instance) => instance.settle({ id: `s${n}-${id}`, payments: [id] })),
      ),
    );
    if (outcomes.filter((outcome) => outcome === 'completed').length !== 1)
      throw new Error(`settlements of ${id}: ${outcomes.join(', ')}`);
    await delay(10);
  }
}

async function insist<T>(
  pool: readonly Instance[],
  slot: number,
  ask: (instance: Instance) => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await ask(pool[slot % instances]!);
    } catch {
      await delay(50);
    }
  }
}

function drawPayment(id: string, random: () => number): PaymentInput {
  return {
    id,
    amount: 100,
    orderFault: drawFault(random),
    chargeFault: drawFault(random),
    failsBeforeCharge: random() < 0.1,
  };
}

function drawFault(random: () => number): Fault | undefined {
  const faults: Fault[] = ['declined', 'down', 'drop', 'slow', 'late', 'garbage', 'twice'];
  return random() < 0.35 ? faults[Math.floor(random() * faults.length)] : undefined;
}

/** Every message of the outbox has been delivered, and each noticed once. */
async function drained(world: World): Promise<void> {
  for (let n = 0; n < 3_000 && (await world.knex('kit_outbox').first('id')); n += 1) await delay(50);
  expect(await world.knex('kit_outbox')).toEqual([]);
  const noticed: string[] = await world.knex('notices').orderBy('subject').pluck('subject');
  const moved: string[] = await world.knex('entries').distinct('subject').orderBy('subject').pluck('subject');
  expect(noticed).toEqual(moved);
}

function format(rows: Record<string, string | number>[]): string {
  const columns = Object.keys(rows[0]!);
  const line = (cells: (string | number)[]) => cells.map((cell) => String(cell).padStart(12)).join('');
  return [line(columns), ...rows.map((row) => line(columns.map((column) => row[column]!)))].join('\n');
}

/** A small seeded generator (Tommy Ettinger's mulberry32, public domain). */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
