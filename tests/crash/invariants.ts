import type { World } from './harness.ts';

/** What must hold of money, whatever was killed; each finding is a sentence. */
export async function findings(
  world: World,
): Promise<{ lost: string[]; doubled: string[]; wrong: string[] }> {
  const ledger = await world.ledger();
  const sagas = await world.knex('kit_saga').select('id', 'name', 'status', 'input', 'error');
  const payments = new Map((await world.knex('payments')).map((row) => [row.id, row]));
  const refunds = new Map((await world.knex('refunds')).map((row) => [row.id, row]));
  const entries = await world.knex('entries');
  const lost: string[] = [];
  const doubled: string[] = [];
  const wrong: string[] = [];

  const reversed = new Set(ledger.reversed);
  const effectOf = new Map(ledger.effects.map((effect) => [effect.key, effect]));
  const count = (list: { kind: string; subject: string }[], kind: string, subject: string) =>
    list.filter((effect) => effect.kind === kind && effect.subject === subject).length;
  for (const [key, of] of Map.groupBy(ledger.effects, (effect) => effect.key)) {
    if (of.length > 1) doubled.push(`${of.length} effects for key ${key}`);
  }
  for (const [subject, of] of Map.groupBy(
    ledger.effects,
    (effect) => `${effect.kind} of ${effect.subject}`,
  )) {
    if (of.length > 1) doubled.push(`${of.length} times ${subject}`);
  }

  for (const { id, name, status, input, error } of sagas) {
    const { id: subject } = JSON.parse(input) as { id: string };
    const isPayment = name === 'create-payment';
    const pivot = isPayment ? 'charge' : 'refund';
    const acted = count(ledger.effects, pivot, subject);
    const posted = entries.filter((entry) => entry.subject === subject).length;
    const row = (isPayment ? payments : refunds).get(subject);
    if (status === 'completed') {
      if (acted !== 1) lost.push(`${subject} is completed with ${acted} ${pivot}s at the partner`);
      if (posted !== 2) (posted < 2 ? lost : doubled).push(`${subject} is completed with ${posted} entries`);
      if (row?.status !== (isPayment ? 'paid' : 'refunded'))
        lost.push(`${subject} is completed but ${row?.status}`);
      if (isPayment && reversed.has(`${id}:1`))
        wrong.push(`${subject} is completed with its order cancelled`);
    } else if (status === 'compensated' || status === 'failed') {
      if (acted > 0) lost.push(`${subject} is ${status} with a ${pivot} at the partner`);
      if (posted > 0) wrong.push(`${subject} is ${status} with ${posted} entries`);
      if (row && row.status !== 'failed') wrong.push(`${subject} is ${status} but its row is ${row.status}`);
      if (isPayment && effectOf.has(`${id}:1`) && !reversed.has(`${id}:1`))
        lost.push(`${subject} left its order behind`);
    } else if (status === 'stuck') {
      // Not an end, but somebody can see it and why: an undo that was tried as often as allowed, and its error.
      const undo = await world
        .knex('kit_saga_step')
        .where({ saga_id: id, phase: 'undo' })
        .whereNot({ status: 'done' });
      if (undo.length === 0 || error === null) wrong.push(`${subject} is stuck and nobody can see why`);
      if (acted > 0) wrong.push(`${subject} is stuck before the pivot, with a ${pivot} at the partner`);
    } else {
      wrong.push(`${subject} is ${status}`);
    }
  }
  await checkSettlements(world, wrong);

  for (const [subject, of] of Map.groupBy(entries, (entry) => entry.subject)) {
    if (sumOf(of) !== 0) wrong.push(`the entries of ${subject} sum to ${sumOf(of)}`);
  }
  if (sumOf(entries) !== 0) wrong.push(`the ledger sums to ${sumOf(entries)}`);
  for (const payment of payments.values()) {
    const taken = ledger.effects.filter(
      ({ kind, subject }) => kind === 'refund' && refunds.get(subject)?.payment === payment.id,
    );
    const total = taken.reduce((all, { amount }) => all + amount, 0);
    if (total > payment.amount) wrong.push(`${total} was refunded of ${payment.amount}`);
    const promised = sumOf(
      [...refunds.values()].filter((refund) => refund.payment === payment.id && refund.status !== 'failed'),
    );
    if (promised > payment.amount) wrong.push(`${promised} of ${payment.amount} is refunded in our own rows`);
  }
  return { lost, doubled, wrong };
}

/** All of a settlement or nothing of it, and each payment in one at most. */
async function checkSettlements(world: World, wrong: string[]): Promise<void> {
  for (const { id, status, amount, fee } of await world.knex('settlements')) {
    const payments = await world.knex('payments').where({ settlement: id });
    const booked = await world.knex('entries').where({ subject: id });
    const to = (account: string) => sumOf(booked.filter((entry) => entry.account === account));
    if (status === 'completed') {
      if (booked.length !== 4) wrong.push(`settlement ${id} is completed with ${booked.length} entries`);
      if (sumOf(payments) !== amount)
        wrong.push(`settlement ${id} of ${amount} has payments of ${sumOf(payments)}`);
      if (to('fees') !== fee || to('payouts') !== amount - fee || to('merchant') !== -amount)
        wrong.push(`settlement ${id} of ${amount} booked ${to('fees')}, ${to('payouts')}, ${to('merchant')}`);
    } else if (status !== 'failed' || booked.length > 0 || payments.length > 0) {
      wrong.push(`settlement ${id} is ${status} with ${booked.length} entries, ${payments.length} payments`);
    }
  }
}

const sumOf = (rows: { amount: number }[]) => rows.reduce((total, { amount }) => total + amount, 0);

export const nothing = { lost: [], doubled: [], wrong: [] };
