import type { Knex } from 'knex';

/**
 * What repositories get: knex's query side, with everything that begins or ends a transaction, or the pool, left out.
 *
 * Its statements run in the transaction that is active where they are awaited, else on the pool.
 */
export interface AmbientKnex extends Omit<Knex.QueryInterface, 'truncate'> {
  <TTable extends Knex.TableNames>(
    tableName: TTable,
    options?: TableOptions,
  ): Knex.QueryBuilder<Knex.TableType<TTable>, Selection<Knex.ResolveTableType<Knex.TableType<TTable>>>[]>;
  // oxlint-disable-next-line typescript/no-explicit-any -- knex's own default: rows of an undeclared table
  <TRecord extends {} = any, TResult = Selection<TRecord>[]>(
    tableName: Knex.TableDescriptor | Knex.AliasDict,
    options?: TableOptions,
  ): Knex.QueryBuilder<TRecord, TResult>;
  readonly raw: Knex['raw'];
  readonly schema: Knex.SchemaBuilder;
  readonly fn: Knex.FunctionHelper;
  readonly ref: Knex.RefBuilder;
  readonly batchInsert: Knex['batchInsert'];
  readonly queryBuilder: Knex['queryBuilder'];
}

interface TableOptions {
  only?: boolean;
}

/** knex's `DeferredKeySelection<TRecord, never>`, which its types do not export: columns follow from `select`. */
type Selection<TRecord extends {}> = {
  _base: TRecord;
  _hasSelection: false;
  _keys: never;
  _aliases: {};
  _single: false;
  _intersectProps: {};
  _unionProps: never;
};
