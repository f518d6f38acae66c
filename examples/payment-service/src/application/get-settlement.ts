import type { TransactionManager } from '@kit/tx';
import { DomainError } from '../domain/domain-error.ts';
import type { Page } from '../domain/payment/payment-repository.ts';
import type { Settlement } from '../domain/settlement/settlement.ts';
import type { Repositories } from './ports.ts';

export interface SettlementQueries {
  get(id: string): Promise<Settlement>;
  list(page: Page): Promise<Settlement[]>;
  /** Every account's balance; a currency's accounts sum to zero. */
  balances(): ReturnType<Repositories['ledger']['balances']>;
}

export function settlementQueries(
  tm: TransactionManager,
  { settlements, ledger }: Pick<Repositories, 'settlements' | 'ledger'>,
): SettlementQueries {
  return {
    get: (id) =>
      tm.read(async () => {
        const settlement = await settlements.find(id);
        if (!settlement)
          throw new DomainError('RES_NOT_FOUND', 'there is no such settlement', { settlementId: id });
        return settlement;
      }),
    list: (page) => tm.read(() => settlements.list(page)),
    balances: () => tm.read(() => ledger.balances()),
  };
}
