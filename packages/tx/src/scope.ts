import type { Abort } from './abort.js';
import type { BeginOptions, Engine } from './engine.js';
import { TransactionClosedError } from './errors.js';
import type { Gate, Level } from './gate.js';
import type { InFlight } from './in-flight.js';
import type { Connection, KnexClient } from './knex-port.js';
import type { Isolation } from './options.js';

/** A function that waits for the end of the physical transaction. */
export interface Hook {
  readonly event: 'commit' | 'rollback';
  readonly fn: () => unknown;
  /** Its savepoint was rolled back: it runs as soon as the transaction has ended, however that ends. */
  readonly due?: boolean;
}

/** A level of the gate with what its scopes have decided so far. */
export interface TxLevel extends Level {
  readonly parent: TxLevel | undefined;
  hooks: Hook[];
  /** An inner scope failed, or asked for it: the level cannot commit any more. */
  rollbackOnly?: { readonly cause: unknown } | undefined;
  /** The level's own function asked for the rollback, so that is no surprise to its caller. */
  rollbackChosen: boolean;
  /** The first statement that failed here, to explain what a later COMMIT cannot do. */
  firstFailure?: { readonly error: unknown } | undefined;
}

/** One BEGIN on one connection. */
export interface Physical {
  readonly id: string;
  readonly begun: BeginOptions;
  readonly client: KnexClient;
  readonly connection: Connection;
  readonly engine: Engine;
  readonly gate: Gate;
  readonly root: TxLevel;
  /** Unknown until somebody asks, where it was begun at the server's default. */
  isolation: Isolation | undefined;
  readonly readOnly: boolean;
  /** Why no further statement is sent; the transaction cannot commit. */
  poison?: { readonly error: Error; readonly lost: boolean } | undefined;
  /** What must be done on the connection after the end and before anybody else gets it. */
  readonly beforeRelease: (() => Promise<void>)[];
  ended: boolean;
}

/** One call of `tm.run` that is inside a physical transaction. */
export interface Scope extends InFlight {
  readonly label: string;
  readonly physical: Physical;
  readonly level: TxLevel;
  /** Scopes opened inside and not yet ended. */
  readonly children: Set<Scope>;
  /** What may end the transaction from outside; of the outermost scope only. */
  readonly abort: Abort | undefined;
  /** It has joined the level of another scope. */
  readonly joined: boolean;
  /** A single statement outside all scopes, in a test transaction. */
  readonly loose: boolean;
  /** It, or a scope around it, is a `tm.read`. */
  readonly readOnly: boolean;
  closed: boolean;
}

export function createLevel(parent: TxLevel | undefined, label: string): TxLevel {
  return { parent, label, hooks: [], rollbackChosen: false };
}

interface ScopeKind {
  abort?: Abort;
  joined?: boolean;
  loose?: boolean;
  readOnly?: boolean;
}

export function createScope(
  physical: Physical,
  level: TxLevel,
  label: string,
  { abort, joined = false, loose = false, readOnly = false }: ScopeKind = {},
): Scope {
  return {
    label,
    physical,
    level,
    abort,
    joined,
    loose,
    readOnly,
    inFlight: new Set(),
    streams: new Set(),
    children: new Set(),
    closed: false,
  };
}

/** Ends a scope and what it left open inside; their statements are refused from here on. */
export function closeScope(scope: Scope): void {
  scope.closed = true;
  for (const child of scope.children) closeScope(child);
}

export function closedScopeError(scope: Scope): TransactionClosedError {
  return new TransactionClosedError(
    `Transaction scope ${scope.label} has ended; await every statement inside the function given to tm.run`,
  );
}

/** One `tm.read` without a transaction: each statement takes a guarded connection for itself. */
export interface ReadScope extends InFlight {
  /** Where each connection in use belongs, and what returns its place. */
  readonly leases: Map<Connection, { readonly client: KnexClient; readonly leave: (() => void) | undefined }>;
  closed: boolean;
}
