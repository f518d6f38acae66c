import type { AmbientKnex } from '@kit/tx';
import type { Account, LedgerRepository } from '../domain/ledger/ledger.ts';

export function createLedgerRepository(db: AmbientKnex): LedgerRepository {
  return {
    async add({ id, kind, reference, currency, entries }, now) {
      await db('ledger_entries').insert(
        entries.map(({ account, amount }, line) => ({
          booking_id: id,
          line,
          kind,
          reference,
          account,
          currency,
          amount,
          created_at: now.getTime(),
        })),
      );
    },
    async balances() {
      const rows = await db('ledger_entries')
        .select('currency', 'account', db.raw('sum(amount) as balance'))
        .groupBy('currency', 'account')
        .orderBy(['currency', 'account']);
      return rows.map((row: { currency: string; account: Account; balance: number | string }) => ({
        ...row,
        balance: Number(row.balance),
      }));
    },
  };
}
