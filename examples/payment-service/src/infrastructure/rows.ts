import type { Knex } from 'knex';
import type { Page } from '../domain/payment/payment-repository.ts';
import type { Failure } from '../domain/payment/payment.ts';

/** Keyset pagination: as quick on page thousand as on page one, and new rows never shift a page. */
export function newestFirst<Query extends Knex.QueryBuilder>(query: Query, { limit, after }: Page): Query {
  void query.orderBy([
    { column: 'created_at', order: 'desc' },
    { column: 'id', order: 'desc' },
  ]);
  void query.limit(limit);
  if (after) {
    const createdAt = after.createdAt.getTime();
    void query.where((older) =>
      older
        .where('created_at', '<', createdAt)
        .orWhere((same) => same.where('created_at', createdAt).where('id', '<', after.id)),
    );
  }
  return query;
}

export const failureColumns = (failure: Failure | undefined) => ({
  failure_code: failure?.code ?? null,
  failure_message: failure?.message.slice(0, 500) ?? null,
});

export function failureFrom(row: {
  failure_code: string | null;
  failure_message: string | null;
}): Failure | undefined {
  return row.failure_code === null
    ? undefined
    : { code: row.failure_code, message: row.failure_message ?? '' };
}
