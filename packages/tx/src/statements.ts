import { PropagationError, TransactionHijackedError, UnexpectedRollbackError } from './errors.js';
import type { Engine } from './engine.js';
import { messageOf } from './error-message.js';
import { inFlightOf } from './in-flight.js';
import { execute, type QueryObject } from './knex-port.js';
import type { Isolation } from './options.js';
import { mayWrite } from './statement.js';
import { closedScopeError, type Physical, type Scope, type TxLevel } from './scope.js';

/** Sends one of the user's statements through the gate, and looks at what it did to the transaction. */
export async function sendStatement(
  scope: Scope,
  query: QueryObject,
  send: () => Promise<QueryObject>,
): Promise<QueryObject> {
  const { physical } = scope;
  if (scope.closed) throw closedScopeError(scope);
  refuseEnders(physical, query);
  if (scope.readOnly) refuseWrites(scope, query);
  const sent = physical.gate.run(scope.level, scope, async () => {
    if (physical.poison !== undefined) throw physical.poison.error;
    if (scope.closed) throw closedScopeError(scope);
    let done: QueryObject;
    try {
      done = await send();
    } catch (error) {
      await noteFailure(physical, scope.level, error);
      throw error;
    }
    if (physical.engine.truth(physical.connection, done?.response) !== 'none') return done;
    const hijacked = new TransactionHijackedError(
      `A statement ended transaction ${physical.root.label} unseen: ${query.sql}`,
    );
    poisonPhysical(physical, hijacked);
    throw hijacked;
  });
  return inFlightOf(scope, sent);
}

export function poisonPhysical(physical: Physical, error: Error, lost = false): void {
  physical.poison ??= { error, lost };
}

export function unexpectedRollback(
  physical: Physical,
  level: TxLevel,
  cause?: unknown,
): UnexpectedRollbackError {
  const reason = cause ?? level.rollbackOnly?.cause ?? level.firstFailure?.error;
  return new UnexpectedRollbackError(
    `Transaction ${physical.root.label} was rolled back although its function returned: ${describe(reason)}; let the error pass, or run the failing part as NESTED`,
    { cause: reason },
  );
}

function describe(reason: unknown): string {
  if (reason === undefined) return 'a scope inside was marked rollback-only';
  return `an error inside was swallowed (${messageOf(reason)})`;
}

/** A statement of the manager's own inside the transaction. */
export async function sendOwn(physical: Physical, level: TxLevel, sql: string): Promise<void> {
  if (physical.poison !== undefined) throw physical.poison.error;
  try {
    await execute(physical.client, physical.connection, sql);
  } catch (error) {
    await noteFailure(physical, level, error);
    throw error;
  }
}

/** Asked at most once a transaction, and only for a call inside that wants a certain isolation. */
export async function isolationOf(scope: Scope): Promise<Isolation> {
  const { physical, level } = scope;
  if (physical.isolation !== undefined) return physical.isolation;
  const asked = physical.gate.run(level, scope, async () => {
    if (physical.poison !== undefined) throw physical.poison.error;
    try {
      return await physical.engine.isolationOf(physical.client, physical.connection);
    } catch (error) {
      await noteFailure(physical, level, error);
      throw error;
    }
  });
  return (physical.isolation = await inFlightOf(scope, asked));
}

async function noteFailure(physical: Physical, level: TxLevel, error: unknown): Promise<void> {
  level.firstFailure ??= { error };
  const { client, connection, engine } = physical;
  let truth: string;
  let lost = engine.isConnectionLost(error);
  try {
    truth = await engine.truthAfterError(client, connection, error);
  } catch {
    truth = 'none';
    lost = true;
  }
  if (truth !== 'none') return;
  poisonPhysical(
    physical,
    new UnexpectedRollbackError(
      `Transaction ${physical.root.label} was rolled back by the server: ${describe(error)}; no further statement is sent`,
      { cause: error },
    ),
    lost,
  );
}

/** Builders make no such statements, so only raw SQL and schema changes are looked at. */
const harmless = new Set(['select', 'first', 'pluck', 'insert', 'update', 'del', 'counter', 'columnInfo']);

export function refuseEnders(
  physical: { engine: Engine } | Physical,
  query: QueryObject,
  active = true,
): void {
  if (harmless.has(query.method ?? '')) return;
  if (!ends(physical.engine, query.sql, active)) return;
  throw new TransactionHijackedError(
    active
      ? `This statement would end the transaction behind the manager's back, so it was not sent: ${query.sql}`
      : `Transactions are begun and ended by tm.run only; this statement was not sent: ${query.sql}`,
  );
}

/** A text is read letter by letter: the usual ones once. The bounds keep texts with values in them from filling memory. */
function ends(engine: Engine, sql: string, active: boolean): boolean {
  if (sql.length > longestKept) return engine.endsTransaction(sql, active);
  let verdicts = verdictsOf.get(engine);
  if (verdicts === undefined) verdictsOf.set(engine, (verdicts = { active: new Map(), idle: new Map() }));
  const known = active ? verdicts.active : verdicts.idle;
  const verdict = known.get(sql) ?? engine.endsTransaction(sql, active);
  if (known.size >= mostKept) known.clear();
  known.set(sql, verdict);
  return verdict;
}

const longestKept = 2_000;
const mostKept = 500;
const verdictsOf = new WeakMap<Engine, Record<'active' | 'idle', Map<string, boolean>>>();

/** No server can be asked to: the transaction around writes. */
function refuseWrites({ label, physical }: Scope, query: QueryObject): void {
  if (!mayWrite(query.sql, physical.engine.textRules)) return;
  throw new PropagationError(
    `A statement that writes was given inside tm.read (${label}), so it was not sent: ${query.sql}; write in tm.run, outside tm.read`,
  );
}
