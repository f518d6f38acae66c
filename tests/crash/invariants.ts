import type { World } from './harness.ts';

/** What must hold of money, whatever was killed; each finding is a sentence. */
export async function findings(
  world: World,
): Promise<{ lost: string[]; doubled: string[]; wrong: string[] }> {
  const ledger = await world.ledger();
  const sagas = await world.knex('kit_saga').select('id', 'name', 'status', 'input');
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

  for (const { id, name, status, input } of sagas) {
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
    } else {
      wrong.push(`${subject} is ${status}`);
    }
  }

  const sum = entries.reduce((total, { amount }) => total + amount, 0);
  if (sum !== 0) wrong.push(`the ledger sums to ${sum}`);
  for (const payment of payments.values()) {
    const taken = ledger.effects.filter(
      ({ kind, subject }) => kind === 'refund' && refunds.get(subject)?.payment === payment.id,
    );
    const total = taken.reduce((all, { amount }) => all + amount, 0);
    if (total > payment.amount) wrong.push(`${total} was refunded of ${payment.amount}`);
  }
  return { lost, doubled, wrong };
}

export const nothing = { lost: [], doubled: [], wrong: [] };
