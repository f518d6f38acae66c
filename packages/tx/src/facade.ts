import type { Knex } from 'knex';
import { createAmbientClient, type AmbientClient } from './ambient-client.js';
import type { AmbientKnex } from './ambient-knex.js';
import { currentFrame, type Frame } from './context.js';
import type { Core } from './core.js';
import type { KnexClient } from './knex-port.js';

/** What knex's own instance has and repositories must not. */
const withheld = new Set(
  (
    'length name prototype arguments caller ' +
    'transaction transactionProvider destroy initialize isTransaction context ' +
    'withUserParams disableProcessing enableProcessing migrate seed _internalListeners ' +
    'raw ref queryBuilder batchInsert client ' +
    'addListener on prependListener once prependOnceListener removeListener off removeAllListeners ' +
    'setMaxListeners getMaxListeners listeners rawListeners emit eventNames listenerCount ' +
    '_events _eventsCount _maxListeners'
  ).split(' '),
);

/** The knex that follows the transaction: its client asks, statement by statement, which scope is active. */
export function createAmbientKnex(
  core: Core,
  primary: Knex,
  runInTransaction: <T>(fn: () => Promise<T>) => Promise<T>,
): AmbientKnex {
  const here = boundHere(core, createAmbientClient(core));
  const db = ((table: unknown, options?: unknown) => {
    const builder = here().queryBuilder();
    return builder.table(table, options);
  }) as unknown as AmbientKnex;

  for (const key of Object.getOwnPropertyNames(primary)) {
    const property = Object.getOwnPropertyDescriptor(primary, key);
    if (!withheld.has(key) && property !== undefined) Object.defineProperty(db, key, property);
  }
  const batchInsert = (primary as unknown as { context: { batchInsert: (...args: unknown[]) => unknown } })
    .context.batchInsert;
  return Object.defineProperties(db, {
    client: { get: here },
    raw: { value: (...args: unknown[]) => here().raw(...args) },
    ref: { value: (...args: unknown[]) => here().ref(...args) },
    queryBuilder: { value: () => here().queryBuilder() },
    batchInsert: {
      value: (...args: unknown[]) =>
        batchInsert.apply(
          {
            transaction: (insert: (db: AmbientKnex) => Promise<unknown>) =>
              runInTransaction(() => insert(db)),
          },
          args,
        ),
    },
  });
}

/** What the package's own tables are asked with. */
export type TablesKnex = Pick<AmbientKnex, 'raw'> & ((table: string) => Knex.QueryBuilder);

/**
 * The same without the user's `postProcessResponse` and `wrapIdentifier`: what camelCases his rows would rename the
 * columns of the package's own tables too.
 */
export function createTablesKnex(core: Core): TablesKnex {
  const client = createAmbientClient(core);
  client.config = { ...client.config, postProcessResponse: undefined, wrapIdentifier: undefined };
  const here = boundHere(core, client);
  const tables = (table: string) => here().queryBuilder().table(table);
  return Object.assign(tables, { raw: (...args: unknown[]) => here().raw(...args) }) as unknown as TablesKnex;
}

/** A builder that leaves its scope unawaited stays bound to it, so that it fails there instead of autocommitting. */
function boundHere(core: Core, client: AmbientClient): () => KnexClient {
  const bound = new WeakMap<Frame, AmbientClient>();
  return () => {
    const frame = currentFrame(core.client);
    if (frame === undefined || frame.kind === 'none') return client;
    const known = bound.get(frame);
    if (known !== undefined) return known;
    const own = Object.create(client) as AmbientClient;
    own.boundFrame = frame;
    bound.set(frame, own);
    return own;
  };
}
