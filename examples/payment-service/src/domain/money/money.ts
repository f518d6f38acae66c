import { DomainError } from '../domain-error.ts';
import { isCurrency } from './currencies.ts';

/** An amount in integer minor units (cents, yen) of an ISO 4217 currency. There are no floats anywhere. */
export interface Money {
  readonly amount: number;
  readonly currency: string;
}

/** @throws DomainError `VAL_INVALID_AMOUNT`, `VAL_UNKNOWN_CURRENCY` */
export function money(amount: number, currency: string): Money {
  if (!Number.isSafeInteger(amount) || amount <= 0) {
    throw new DomainError('VAL_INVALID_AMOUNT', 'the amount must be a positive integer of minor units');
  }
  if (!isCurrency(currency)) {
    throw new DomainError('VAL_UNKNOWN_CURRENCY', `${currency.slice(0, 10)} is no ISO 4217 currency`);
  }
  return { amount, currency };
}

/** The share of an amount in basis points (1/100 %), rounded half up; in whole numbers, so exact at any size. */
export function shareOf(amount: number, basisPoints: number): number {
  return Number((BigInt(amount) * BigInt(basisPoints) + 5_000n) / 10_000n);
}
