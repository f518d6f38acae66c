import { DomainError } from '../domain-error.ts';

/** What the books know: money at the channel, owed to the merchant, earned as fees, paid out. */
export type Account = 'channel' | 'merchant' | 'fees' | 'payouts';

/** One side of a booking: positive is debit, negative is credit. */
export interface LedgerEntry {
  readonly account: Account;
  readonly amount: number;
}

/** What happened in the books under one reference; its entries sum to zero, always. */
export interface Booking {
  readonly id: string;
  readonly kind: 'payment' | 'refund' | 'settlement-fee' | 'settlement-net';
  readonly reference: string;
  readonly currency: string;
  readonly entries: readonly LedgerEntry[];
}

/** Moves an amount between two accounts. @throws DomainError `SYS_LEDGER_UNBALANCED` */
export function booking(
  head: Omit<Booking, 'entries'>,
  amount: number,
  move: { from: Account; to: Account },
): Booking {
  return balanced({
    ...head,
    entries: [
      { account: move.to, amount },
      { account: move.from, amount: -amount },
    ],
  });
}

function balanced(draft: Booking): Booking {
  const sum = draft.entries.reduce((total, { amount }) => total + amount, 0);
  if (sum !== 0 || !draft.entries.every(({ amount }) => Number.isSafeInteger(amount))) {
    throw new DomainError('SYS_LEDGER_UNBALANCED', `the booking ${draft.id} does not sum to zero`);
  }
  return draft;
}

export interface LedgerRepository {
  add(booking: Booking, now: Date): Promise<void>;
  /** Every account's balance, and their sum: zero a currency. */
  balances(): Promise<{ currency: string; account: Account; balance: number }[]>;
}
