/** A settlement: one ACID transaction, processing → fee → net → completed; whatever fails takes all of it back. */
import { createOutbox, type TransactionManager } from '@kit/tx';
import type { KillPoint } from './flow.ts';

export interface SettlementInput {
  id: string;
  payments: string[];
  /** Throws when everything is written. */
  failsAtTheEnd?: boolean | undefined;
  kill?: KillPoint | undefined;
}

export function defineSettlement(
  tm: TransactionManager,
  reach: (point: string, context: { input: SettlementInput }) => void,
): (input: SettlementInput) => Promise<'completed' | 'refused'> {
  const outbox = createOutbox(tm);

  const book = (subject: string, to: string, amount: number) =>
    tm.db('entries').insert([
      { subject, account: 'merchant', amount: -amount },
      { subject, account: to, amount },
    ]);

  const settle = async (input: SettlementInput) => {
    const { id, payments } = input;
    const free = tm.db('payments').whereIn('id', payments).where({ status: 'paid' }).whereNull('settlement');
    const rows: { amount: number }[] = await (tm.engine === 'sqlite' ? free : free.forUpdate());
    if (rows.length !== payments.length) throw new Error('not settleable');
    const amount = rows.reduce((sum, row) => sum + row.amount, 0);
    const fee = Math.floor(amount / 10);
    await tm.db('payments').whereIn('id', payments).update({ settlement: id });
    await tm.db('settlements').insert({ id, amount, fee, status: 'processing' });
    reach('settle:processing', { input });
    await book(id, 'fees', fee);
    reach('settle:fee', { input });
    await book(id, 'payouts', amount - fee);
    reach('settle:net', { input });
    await tm.db('settlements').where({ id }).update({ status: 'completed' });
    await outbox.add('settlement.completed', { subject: id }, { key: id });
    reach('settle:completed', { input });
    if (input.failsAtTheEnd) throw new Error('not settleable after all');
  };

  return async (input) => {
    const { id } = input;
    try {
      await tm.run({ retry: { attempts: 5 } }, async () => {
        // The same request once more, after an answer that got lost.
        if (!(await tm.db('settlements').where({ id, status: 'completed' }).first())) await settle(input);
      });
      return 'completed';
    } catch (error) {
      if (!(error as Error).message.startsWith('not settleable')) throw error;
      await tm
        .run(() => tm.db('settlements').insert({ id, amount: 0, fee: 0, status: 'failed' }))
        .catch(() => {});
      return 'refused';
    }
  };
}
