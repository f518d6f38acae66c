import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engines } from './database.ts';
import { createWorld, eventually, type Instance, settled, type World } from './harness.ts';
import { findings, nothing } from './invariants.ts';
import type { Fault } from './partner.ts';

const cases: { what: string; fault: Fault; at: 'order' | 'charge'; ends: 'completed' | 'compensated' }[] = [
  {
    what: 'is down, twice, at the pivot: it is asked until it is back',
    fault: 'down',
    at: 'charge',
    ends: 'completed',
  },
  {
    what: 'acts at the pivot but answers after its timeout: it is asked',
    fault: 'slow',
    at: 'charge',
    ends: 'completed',
  },
  {
    what: 'acts at the pivot after its timeout: it acts once',
    fault: 'late',
    at: 'charge',
    ends: 'completed',
  },
  { what: 'is cut off after it acted: it is asked', fault: 'drop', at: 'charge', ends: 'completed' },
  { what: 'answers garbage after it acted: it is asked', fault: 'garbage', at: 'charge', ends: 'completed' },
  { what: 'answers twice to one call: it acts once', fault: 'twice', at: 'charge', ends: 'completed' },
  { what: 'declines: it is believed', fault: 'declined', at: 'charge', ends: 'compensated' },
  {
    what: 'is slow before the pivot: what it did is undone',
    fault: 'slow',
    at: 'order',
    ends: 'compensated',
  },
  {
    what: 'is overtaken by the undo before the pivot: it never acts',
    fault: 'late',
    at: 'order',
    ends: 'compensated',
  },
  {
    what: 'is cut off before the pivot: what it did is undone',
    fault: 'drop',
    at: 'order',
    ends: 'compensated',
  },
];

describe.each(engines)('a partner, with %s at home,', (engine) => {
  let world: World;
  let instance: Instance;
  const idOf = (fault: string, at: string) => `${fault}-${at}`;
  beforeAll(async () => {
    world = await createWorld(engine, 6_500);
    // Long enough for whoever answers at all, also on a busy machine.
    instance = await world.instance({ TIMEOUT: '5000', LEASE: '8000' });
    await Promise.all(
      cases.map(({ fault, at }) => {
        const id = idOf(fault, at);
        return instance.pay({
          id,
          amount: 100,
          ...(at === 'order' ? { orderFault: fault } : { chargeFault: fault }),
        });
      }),
    );
    await settled(world);
  });
  afterAll(() => world?.end());

  it.each(cases)('that $what, and the saga is $ends', async ({ fault, at, ends }) => {
    const sagas = await world.knex('kit_saga').select('input', 'status');
    const mine = sagas.filter(({ input }) => JSON.parse(input).id === idOf(fault, at));
    expect(mine.map(({ status }) => status)).toEqual([ends]);
    expect(await findings(world)).toEqual(nothing);
  });

  it('that is called twice with one key answers twice and acts once', async () => {
    const { calls, effects } = await world.ledger();
    const repeated = Object.entries(calls).filter(([, n]) => n > 1);
    expect(repeated.length).toBeGreaterThan(0);
    for (const [key] of repeated) expect(effects.filter((effect) => effect.key === key)).toHaveLength(1);
  });

  it('that is asked for more refunds at once than the payment is worth gives back no more than that', async () => {
    await instance.pay({ id: 'worth-100', amount: 100 });
    // Two instances, and one of them is killed while it asks.
    const other = await world.instance({ TIMEOUT: '5000', LEASE: '8000' });
    const asked = Array.from({ length: 8 }, (_, n) => ({
      id: `refund-${n}`,
      payment: 'worth-100',
      amount: 30,
    }));
    const ask = (refund: (typeof asked)[number], n: number) =>
      (n % 2 ? other : instance).refund(refund, refund.id).catch(() => undefined);
    const answers = Promise.all(asked.map(ask));
    await eventually(
      async () => (await world.knex('refunds').where({ payment: 'worth-100' }).first()) !== undefined,
    );
    await other.kill();
    await answers;
    // Asked again, as clients do that got no answer.
    const refunds = await Promise.all(asked.map((refund) => instance.refund(refund, refund.id)));
    await settled(world);
    const ended = await Promise.all(refunds.map(async ({ id }) => (await instance.get(id))!));
    expect(ended.filter(({ status }) => status === 'completed')).toHaveLength(3);
    const refused = ended.filter(({ status }) => status === 'failed');
    expect(refused.map(({ error }) => error!.message)).toEqual(
      Array.from({ length: 5 }, () => 'more than is left'),
    );
    expect(await findings(world)).toEqual(nothing);
  });

  it('that cannot undo leaves the saga stuck where an operator sees it, and undone once it is mended', async () => {
    const impatient = await world.instance({ UNDO_ATTEMPTS: '3', TIMEOUT: '5000', LEASE: '8000' });
    // Whoever takes it over in the meantime must be as impatient.
    await instance.kill();
    impatient
      .pay({ id: 'stuck', amount: 100, failsBeforeCharge: true, undoFault: 'broken' })
      .catch(() => undefined);
    await eventually(
      async () => (await world.knex('kit_saga').where({ status: 'stuck' }).first()) !== undefined,
    );
    const [stuck, ...others] = await impatient.list('stuck');
    expect(others).toEqual([]);
    expect(stuck).toMatchObject({ name: 'create-payment', input: { id: 'stuck' } });
    expect(stuck!.error!.message).toMatch('the partner answered garbage');
    expect(stuck!.steps.find(({ phase }) => phase === 'undo')).toMatchObject({
      name: 'order',
      phase: 'undo',
      status: 'unknown',
      attempts: 3,
    });
    expect(await findings(world)).toEqual(nothing);

    await world.mendPartner();
    await impatient.resolve(stuck!.id, { as: 'retry', note: 'mended' });
    await eventually(async () => (await impatient.get(stuck!.id))!.status === 'compensated');
    expect(await impatient.list('stuck')).toEqual([]);
    expect(await findings(world)).toEqual(nothing);
    instance = impatient;
  });

  it('that refunds, and whose answer gets lost, makes the refund go forward, and leaves its message', async () => {
    await instance.pay({ id: 'forward', amount: 100 });
    await instance.refund(
      { id: 'refund-forward', payment: 'forward', amount: 100, fault: 'drop' },
      'refund-forward',
    );
    await settled(world);
    expect(await world.knex('refunds').where({ id: 'refund-forward' }).first()).toMatchObject({
      status: 'refunded',
    });
    const messages = await world.knex('kit_outbox').where({ msg_key: 'refund-forward' });
    expect(messages).toHaveLength(1);
    expect(await findings(world)).toEqual(nothing);
  });
});
