import { createIdempotency, type TransactionManager } from '@kit/tx';
import { DomainError } from '../domain/domain-error.ts';
import { booking } from '../domain/ledger/ledger.ts';
import type { Failure } from '../domain/payment/payment.ts';
import {
  completeSettlement,
  failSettlement,
  openSettlement,
  type Settlement,
} from '../domain/settlement/settlement.ts';
import type { Events, Repositories } from './ports.ts';

export interface SettlePaymentsInput {
  paymentIds: string[];
}

export interface SettlePaymentsDeps extends Repositories {
  tm: TransactionManager;
  events: Events;
  feeBasisPoints: number;
  newId: () => string;
  now: () => Date;
}

export type SettlePayments = (
  input: SettlePaymentsInput,
  options: { idempotencyKey: string },
) => Promise<Settlement>;

/**
 * One ACID transaction: processing → fee → net → completed. Whatever fails takes all of it back; that it was tried is then
 * noted as `failed`, as well as that can be done.
 */
export function settlePaymentsUseCase(deps: SettlePaymentsDeps): SettlePayments {
  const { tm, payments, settlements, ledger, events, feeBasisPoints, newId, now } = deps;
  const idempotency = createIdempotency(tm);

  const settle = async (id: string, paymentIds: string[]): Promise<Settlement> => {
    const claimed = await payments.claimForSettlement(paymentIds, id, now());
    if (claimed.length !== paymentIds.length) {
      const taken = new Set(claimed.map((payment) => payment.id));
      throw new DomainError('BIZ_PAYMENTS_NOT_SETTLEABLE', 'payments are not paid, or settled already', {
        paymentIds: paymentIds.filter((paymentId) => !taken.has(paymentId)),
      });
    }
    const processing = openSettlement(id, claimed, feeBasisPoints, now());
    await settlements.add(processing);
    const { feeAmount, netAmount } = processing;
    const { currency } = claimed[0]!;
    if (feeAmount > 0) {
      await ledger.add(
        booking({ id: `${id}:fee`, kind: 'settlement-fee', reference: id, currency }, feeAmount, {
          from: 'fees',
          to: 'merchant',
        }),
        now(),
      );
    }
    await ledger.add(
      booking({ id: `${id}:net`, kind: 'settlement-net', reference: id, currency }, netAmount, {
        from: 'payouts',
        to: 'merchant',
      }),
      now(),
    );
    const completed = completeSettlement(processing, now());
    await settlements.save(completed);
    await events.add('settlement.completed', { settlementId: id, currency, netAmount }, id);
    return completed;
  };

  return async ({ paymentIds }, { idempotencyKey }) => {
    const id = newId();
    let wasTried = false;
    try {
      // The key commits with the settlement: a process that is killed leaves both or neither. Two that meet may deadlock
      // on it, and one of them is run again.
      const { response } = await tm.run({ retry: { attempts: 5 } }, () =>
        idempotency.run({ key: `settlement:${idempotencyKey}`, body: { paymentIds } }, async () => {
          wasTried = true;
          return { id: (await settle(id, paymentIds)).id };
        }),
      );
      const settlement = await tm.read(() => settlements.find(response.id));
      if (!settlement) throw new Error(`settlement ${response.id} has no row`);
      return settlement;
    } catch (error) {
      if (wasTried)
        await tm.run(() => settlements.add(failSettlement(id, reasonOf(error), now()))).catch(() => {});
      throw error;
    }
  };
}

function reasonOf(error: unknown): Failure {
  if (error instanceof DomainError) return { code: error.code, message: error.message };
  return { code: 'SYS_INTERNAL_ERROR', message: 'the settlement could not be completed' };
}
