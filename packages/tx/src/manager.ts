import { createAdmission } from './admission.js';
import { checkAdvisoryKey, withAdvisoryLock, type AdvisoryKey } from './advisory-lock.js';
import type { AmbientKnex } from './ambient-knex.js';
import type { Work } from './call.js';
import { currentFrame, managerRegistry, sharedState } from './context.js';
import type { Core } from './core.js';
import { createDomainGuard } from './domain.js';
import type { Engine } from './engine.js';
import { engineFor } from './engines.js';
import { PropagationError, TransactionClosedError } from './errors.js';
import { createAmbientKnex } from './facade.js';
import { clientOf } from './knex-port.js';
import {
  checkFunction,
  checkManagerOptions,
  checkObject,
  checkRunOptions,
  show,
  type ReadOptions,
  type RunOptions,
  type TransactionManagerOptions,
} from './options.js';
import { propagate, propagateRead } from './propagation.js';
import { createReplicaRouter } from './replicas.js';
import { closedScopeError, type Hook, type Scope } from './scope.js';

/** Owns the transaction boundary of one database. Made by {@link createTransactionManager}. */
export interface TransactionManager {
  readonly name: string;
  /** knex that runs in the current transaction, else on the pool, and can neither begin nor end one. */
  readonly db: AmbientKnex;
  /** Which database this is. */
  readonly engine: Engine['kind'];
  /** Runs `fn` in a transaction as the options say; resolves after COMMIT and its hooks. */
  run<T>(fn: Work<T>): Promise<T>;
  run<T>(options: RunOptions, fn: Work<T>): Promise<T>;
  /** Runs `fn` read-only: on a replica if there is one, without BEGIN unless `snapshot`. Joins an active transaction, where SQL that writes is refused. */
  read<T>(fn: Work<T>): Promise<T>;
  read<T>(options: ReadOptions, fn: Work<T>): Promise<T>;
  /** `fn` runs, awaited, once the transaction is committed and its connection released. @throws KIT_TX_PROPAGATION without a transaction */
  afterCommit(fn: () => unknown): void;
  /** `fn` runs, awaited, once the transaction is rolled back. @throws KIT_TX_PROPAGATION without a transaction */
  afterRollback(fn: () => unknown): void;
  /** The transaction will be rolled back; the outermost function's value still resolves. @throws KIT_TX_PROPAGATION without a transaction */
  setRollbackOnly(): void;
  /** For code that must not hold a connection, such as an HTTP call. @throws KIT_TX_PROPAGATION within a transaction */
  assertNoTransaction(): void;
  /**
   * Runs `fn` in a transaction that holds the database's lock on `key` until it ends; joins an active one.
   * PostgreSQL: `pg_advisory_xact_lock`; MySQL: `GET_LOCK`; SQLite: its one writer.
   */
  advisoryLock<T>(key: AdvisoryKey, fn: Work<T>): Promise<T>;
  advisoryLock<T>(key: AdvisoryKey, options: RunOptions, fn: Work<T>): Promise<T>;
  /** Whether a transaction is active here. */
  isActive(): boolean;
  /** Refuses new work and waits for what runs. The knex instances stay open: they are their maker's. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const defaultMaxDepth = 2;
const defaultGateTimeoutMs = 3_000;

/**
 * Makes the manager of one database.
 *
 * @throws TypeError or RangeError that names the wrong option.
 * @example
 * const tm = createTransactionManager({ name: 'payment', primary: knex });
 * await tm.run(async () => {
 *   await tm.db('account').where({ id: 1 }).decrement('balance', 10);
 * });
 */
export function createTransactionManager(options: TransactionManagerOptions): TransactionManager {
  checkManagerOptions(options);
  const { name = 'default', primary } = options;
  const { core, drain } = createCore(options);
  const db = createAmbientKnex(core, primary, (fn) => manager.run(fn));

  const manager: TransactionManager = {
    name,
    db,
    engine: core.engine.kind,
    run: async <T>(first: RunOptions | Work<T>, second?: Work<T>) => {
      const [runOptions, fn] = argumentsOf<RunOptions, T>(first, second);
      checkRunOptions(runOptions, core.engine);
      return tracked(core, () => propagate(core, runOptions, fn));
    },
    read: async <T>(first: ReadOptions | Work<T>, second?: Work<T>) => {
      const [{ snapshot, timeoutMs, signal }, fn] = argumentsOf<ReadOptions, T>(first, second);
      const runOptions = { readOnly: true, snapshot, timeoutMs, signal };
      checkRunOptions(runOptions, core.engine);
      return tracked(core, () => propagateRead(core, runOptions, fn, true));
    },
    advisoryLock: async <T>(key: AdvisoryKey, first: RunOptions | Work<T>, second?: Work<T>) => {
      checkAdvisoryKey(key);
      const [runOptions, fn] = argumentsOf<RunOptions, T>(first, second);
      return manager.run(runOptions, (context) => withAdvisoryLock(core, db, key, () => fn(context)));
    },
    afterCommit: (fn) => addHook(core, 'commit', fn),
    afterRollback: (fn) => addHook(core, 'rollback', fn),
    setRollbackOnly() {
      const scope = activeScope(core, 'setRollbackOnly');
      if (scope.joined) scope.level.rollbackOnly ??= { cause: undefined };
      else scope.level.rollbackChosen = true;
    },
    assertNoTransaction() {
      if (manager.isActive())
        throw new PropagationError(
          `Transaction of "${name}" is active where none may be; move the call out of tm.run, or into tm.afterCommit`,
        );
    },
    isActive: () => currentFrame(core.client)?.kind === 'tx',
    async close() {
      if (managerRegistry().get(name) === manager) managerRegistry().delete(name);
      await drain();
    },
    [Symbol.asyncDispose]: () => manager.close(),
  };
  managerRegistry().set(name, manager);
  // Not enumerable: a manager that is logged or compared shows what it is for.
  return Object.defineProperty(manager, coreKey, { value: core });
}

/** On the manager itself, so that another copy of the package (CJS beside ESM) finds it too. */
const coreKey = Symbol.for('@kit/tx/core');

/** The inside of a manager, for the parts of this package that build on it. */
export function coreOf(manager: TransactionManager): Core {
  const core = (manager as { [coreKey]?: Core } | null | undefined)?.[coreKey];
  if (core === undefined)
    throw new TypeError(`manager must come from createTransactionManager, got ${show(manager)}`);
  return core;
}

function createCore(options: TransactionManagerOptions): { core: Core; drain: () => Promise<void> } {
  const { name = 'default', replicas = [], domain } = options;
  const client = clientOf(options.primary);
  const engine = engineFor(client);
  const replicaClients = replicas.map(clientOf);
  for (const [index, replica] of replicaClients.entries())
    if (engineFor(replica) !== engine)
      throw new TypeError(
        `replicas[${index}] must be of the primary's kind ${client.driverName}, got ${replica.driverName}`,
      );
  let closed = false;
  const core: Core = {
    name,
    client,
    engine,
    maxDepth: options.maxDepth ?? defaultMaxDepth,
    gateTimeoutMs: options.gateTimeoutMs ?? defaultGateTimeoutMs,
    dangling: options.dangling ?? 'error',
    domain: domain?.name,
    guard: createDomainGuard(engine, domain),
    admission: sharedState(client, 'admission', () =>
      createAdmission(client, engine.kind === 'sqlite' ? 1 : undefined),
    ),
    router: createReplicaRouter(client, engine, replicaClients),
    running: new Set(),
    assertOpen() {
      if (closed) throw new TransactionClosedError(`Transaction manager "${name}" is closed`);
    },
  };
  return {
    core,
    drain: async () => {
      closed = true;
      // Inside a scope of its own it would wait for itself.
      if (currentFrame(client) === undefined) await Promise.allSettled(core.running);
    },
  };
}

/** Outermost calls only: what runs inside them ends with them, also after `close` was asked for. */
async function tracked<T>(core: Core, run: () => Promise<T>): Promise<T> {
  core.guard?.checkEntry(core.name);
  if (currentFrame(core.client) !== undefined) return run();
  core.assertOpen();
  const running = run();
  core.running.add(running);
  try {
    return await running;
  } finally {
    core.running.delete(running);
  }
}

function argumentsOf<O extends object, T>(first: O | Work<T>, second: Work<T> | undefined): [O, Work<T>] {
  const fn = typeof first === 'function' ? first : second;
  const options = typeof first === 'function' ? ({} as O) : first;
  checkObject(options);
  checkFunction(fn);
  return [options, fn as Work<T>];
}

function addHook(core: Core, event: Hook['event'], fn: () => unknown): void {
  checkFunction(fn);
  activeScope(core, event === 'commit' ? 'afterCommit' : 'afterRollback').level.hooks.push({ event, fn });
}

function activeScope(core: Core, what: string): Scope {
  core.guard?.checkEntry(core.name);
  const frame = currentFrame(core.client);
  if (frame?.kind !== 'tx')
    throw new PropagationError(
      `${what} needs an active transaction of "${core.name}"; call it inside tm.run`,
    );
  if (frame.scope.closed) throw closedScopeError(frame.scope);
  return frame.scope;
}
