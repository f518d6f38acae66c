import type { Knex } from 'knex';

/** What the manager needs of a driver's connection, whichever driver it is. */
export interface Connection {
  __knexUid?: string;
  __knexTxId?: string | undefined;
  /** knex destroys a connection that carries this instead of handing it out again. */
  __knex__disposed?: unknown;
  /** Those that have a socket say here that it is lost. */
  once?(event: 'error', listener: (error: Error) => void): unknown;
  off?(event: 'error', listener: (error: Error) => void): unknown;
}

/** A compiled statement on its way through knex's client. */
export interface QueryObject {
  sql: string;
  /** `select`, `insert`, `raw`…; schema statements have none. */
  method?: string;
  bindings?: unknown;
  response?: unknown;
}

/** The part of knex's client that the manager builds on; knex itself types it as `any`. */
export interface KnexClient {
  driverName: string;
  config: {
    pool?: { max?: number };
    connectionPool?: unknown;
    /** The user's hooks between columns and what his code calls them. */
    postProcessResponse?: unknown;
    wrapIdentifier?: unknown;
  };
  connectionSettings?: { host?: string; filename?: string; database?: string };
  isMariaDB?: boolean;
  pool?: { max?: number; acquireTimeoutMillis?: number };
  acquireConnection(): Promise<Connection>;
  releaseConnection(connection: Connection): Promise<void>;
  query(connection: Connection, query: QueryObject | string): Promise<QueryObject>;
  stream(connection: Connection, query: QueryObject, stream: unknown, options: unknown): Promise<unknown>;
  cancelQuery(connection: Connection): Promise<unknown>;
  transaction(container: unknown, config?: { connection?: unknown }, outer?: unknown): unknown;
  raw(...args: unknown[]): unknown;
  ref(...args: unknown[]): unknown;
  destroy(): unknown;
  queryBuilder(): { table(name: unknown, options?: unknown): unknown };
}

export function clientOf(knex: Knex): KnexClient {
  return knex.client as KnexClient;
}

/** Runs one statement of the manager's own on a connection and gives the driver's response. */
export async function execute(client: KnexClient, connection: Connection, sql: string): Promise<unknown> {
  const done = await client.query(connection, { sql, bindings: [] });
  return done.response;
}
