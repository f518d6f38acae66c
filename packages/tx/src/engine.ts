import type { Isolation } from './options.js';
import type { Connection, KnexClient } from './knex-port.js';
import type { TextRules } from './statement.js';

export interface BeginOptions {
  isolation?: Isolation | undefined;
  readOnly?: boolean | undefined;
  snapshot?: boolean | undefined;
  timeoutMs?: number | undefined;
}

/** What the server says about the transaction on a connection. */
export type ServerTruth = 'open' | 'aborted' | 'none';

/** Everything that differs between the databases, and nothing else. */
export interface Engine {
  readonly kind: 'postgres' | 'mysql' | 'sqlite';
  readonly isolations: readonly Isolation[];
  /** What an open transaction runs at that was begun without saying so: each server, role and session has its own default. */
  isolationOf(client: KnexClient, connection: Connection): Promise<Isolation>;
  readonly textRules: TextRules;
  begin(client: KnexClient, connection: Connection, options: BeginOptions): Promise<void>;
  /** Commits; the server's answer, and with `wantPosition` where the commit is in its log. */
  commit(
    client: KnexClient,
    connection: Connection,
    wantPosition: boolean,
  ): Promise<{ committed: boolean; position?: string | undefined }>;
  /** Puts back what `begin` changed for the whole session. */
  restore?(client: KnexClient, connection: Connection, options: BeginOptions): Promise<void>;
  /** The transaction's state after a statement was answered. */
  truth(connection: Connection, response?: unknown): ServerTruth;
  /** The state after a statement failed; may ask the server. */
  truthAfterError(client: KnexClient, connection: Connection, error: unknown): Promise<ServerTruth>;
  /** Whether this statement begins or ends a transaction; while one is active also what ends it unseen (DDL on MySQL). */
  endsTransaction(sql: string, active: boolean): boolean;
  /** A serialization failure, deadlock or busy database: the same work may succeed in a new transaction. */
  isRetryable(error: unknown): boolean;
  /** The server said that the statement (or transaction) ran out of time. */
  isTimeout(error: unknown): boolean;
  /** The server itself refused: what failed has certainly not happened. */
  isDefinite(error: unknown): boolean;
  /** The connection, not the statement, is the problem. */
  isConnectionLost(error: unknown): boolean;
  /** Prepares a connection for the manager; what it gives puts that back. */
  borrow?(connection: Connection): () => void;
  guardReads(client: KnexClient, connection: Connection, on: boolean): Promise<void>;
  /** Ends the connection without asking the server. */
  destroy(connection: Connection): void;
  canCancel: boolean;
  /** A stream that is left early keeps the connection busy until its last row has come. */
  drainsStreams: boolean;
  /** Where the server's log is at this moment; undefined where it keeps none. */
  position?(client: KnexClient, connection: Connection): Promise<string | undefined>;
  /** How far a replica has replayed the primary's log; SQLite has no log. */
  replayed?: {
    /** What a replica's connection says it has replayed; undefined if that is not what is wanted. */
    ask(client: KnexClient, connection: Connection, wanted: string): Promise<string | undefined>;
    /** Whether who has replayed `reached` has replayed `wanted`. */
    includes(reached: string, wanted: string): boolean;
    /** Orders the positions of one server. */
    measure(position: string): bigint;
  };
  /** Two pools on one file need no replay. */
  replaySharesFile?(primary: KnexClient, replica: KnexClient): boolean;
  /** Asks the connection where it leads. */
  identify(client: KnexClient, connection: Connection): Promise<{ database: string; hosts: string[] }>;
}
