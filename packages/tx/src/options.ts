import type { Knex } from 'knex';

/** What a call does when a transaction is, or is not, active. */
export type Propagation =
  | 'REQUIRED'
  | 'REQUIRES_NEW'
  | 'NESTED'
  | 'SUPPORTS'
  | 'MANDATORY'
  | 'NOT_SUPPORTED'
  | 'NEVER';

/** SQL's isolation levels. SQLite knows `serializable` only. */
export type Isolation = 'read uncommitted' | 'read committed' | 'repeatable read' | 'serializable';

/** What to do with statements that are still in flight when the scope's function has returned. */
export type Dangling = 'error' | 'await';

/** How often and how patiently a transaction is repeated after a serialization failure, deadlock or busy database. */
export interface RetryOptions {
  /** Calls in all, the first included. An integer >= 1. */
  attempts: number;
  /** Before attempt n + 1 it waits a random time up to `baseMs * 2^(n-1)`. @default 10 */
  baseMs?: number | undefined;
}

/** Options of `tm.run`. */
export interface RunOptions {
  /** @default 'REQUIRED' */
  propagation?: Propagation | undefined;
  /** Joining a transaction of another isolation throws. @default the server's */
  isolation?: Isolation | undefined;
  /** Only reads: no BEGIN, a replica if there is one, guarded by the server. @default false */
  readOnly?: boolean | undefined;
  /** With `readOnly`: every statement sees one moment of the database. @default false */
  snapshot?: boolean | undefined;
  /** Milliseconds until the call is cancelled, rolled back and rejected. @default none */
  timeoutMs?: number | undefined;
  /** Throws unless this call is the outermost scope. @default false */
  durable?: boolean | undefined;
  /** Repeats the function in a new transaction; ignored where the call joins one. @default none */
  retry?: RetryOptions | undefined;
  /** Errors, by name or code or a function, that pass to the caller without a rollback. */
  noRollbackFor?: readonly string[] | ((error: unknown) => boolean) | undefined;
  /** Its abort cancels, rolls back and rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** @default the manager's */
  dangling?: Dangling | undefined;
}

/** Options of `tm.read`. */
export interface ReadOptions {
  /** Every statement sees one moment of the database (REPEATABLE READ READ ONLY). @default false */
  snapshot?: boolean | undefined;
  /** Milliseconds until the call is cancelled and rejected. @default none */
  timeoutMs?: number | undefined;
  /** Its abort cancels the running statement and rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** Where a manager's connections may lead. */
export interface DomainOptions {
  /** The domain's name, for messages; inside one domain's scope another's manager is refused. */
  name: string;
  /** The databases of the domain. `database` is the file for SQLite; without `host` any host fits. */
  allow: readonly { host?: string | undefined; database: string }[];
  /** `strict` refuses a stranger, `warn` emits a process warning. @default 'strict' if STRICT_DOMAIN_GUARD is true or 1, else 'warn' */
  mode?: 'strict' | 'warn' | undefined;
}

/** Options of `createTransactionManager`. */
export interface TransactionManagerOptions {
  /** Names the manager in errors, events and `@Transactional({ manager })`. @default 'default' */
  name?: string | undefined;
  /** The pool of the writable database. The manager never destroys it. */
  primary: Knex;
  /** Pools of read replicas. @default [] */
  replicas?: readonly Knex[] | undefined;
  /** How many connections one flow may hold at once (REQUIRES_NEW inside REQUIRED is 2). An integer >= 1. @default 2 */
  maxDepth?: number | undefined;
  /** How long a statement waits for an idle nested scope before it fails, in milliseconds. @default 3000 */
  gateTimeoutMs?: number | undefined;
  /** Statements in flight at the end of a scope: an error, or awaited. @default 'error' */
  dangling?: Dangling | undefined;
  /** Refuses connections to databases of other domains. @default no guard */
  domain?: DomainOptions | undefined;
}

export const propagations: readonly Propagation[] = [
  'REQUIRED',
  'REQUIRES_NEW',
  'NESTED',
  'SUPPORTS',
  'MANDATORY',
  'NOT_SUPPORTED',
  'NEVER',
];
const isolationLevels: readonly Isolation[] = [
  'read uncommitted',
  'read committed',
  'repeatable read',
  'serializable',
];

/** Checks what does not depend on the running state; `engineLevels` are the isolations the engine has. */
export function checkRunOptions(
  options: RunOptions,
  engine: { kind: string; isolations: readonly Isolation[] },
): void {
  const { propagation, isolation } = options;
  if (propagation !== undefined && !propagations.includes(propagation))
    throw new RangeError(`propagation must be one of ${propagations.join(', ')}, got ${show(propagation)}`);
  if (isolation !== undefined && !isolationLevels.includes(isolation))
    throw new RangeError(`isolation must be one of ${isolationLevels.join(', ')}, got ${show(isolation)}`);
  if (isolation !== undefined && !engine.isolations.includes(isolation))
    throw new RangeError(
      `isolation on ${engine.kind} must be ${engine.isolations.join(' or ')}, got ${show(isolation)}`,
    );
  checkBoolean('readOnly', options.readOnly);
  checkBoolean('snapshot', options.snapshot);
  checkBoolean('durable', options.durable);
  if (options.snapshot === true && options.readOnly !== true)
    throw new TypeError('snapshot must come with readOnly: true, got readOnly: false');
  if (options.snapshot === true && isolation !== undefined && isolation !== 'repeatable read')
    throw new TypeError(`isolation of a snapshot must be repeatable read, got ${show(isolation)}`);
  checkTimeout(options.timeoutMs);
  checkSignal(options.signal);
  checkDangling(options.dangling);
  checkRetry(options.retry);
  const spared = options.noRollbackFor;
  if (spared !== undefined && typeof spared !== 'function' && !isStringArray(spared))
    throw new TypeError(
      `noRollbackFor must be an array of names or codes, or a function, got ${show(spared)}`,
    );
}

export function checkObject(options: unknown, name = 'options'): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`${name} must be an object, got ${show(options)}`);
}

export function checkFunction(fn: unknown): void {
  if (typeof fn !== 'function') throw new TypeError(`fn must be a function, got ${show(fn)}`);
}

export function checkManagerOptions(options: TransactionManagerOptions): void {
  checkObject(options);
  const { name, replicas, maxDepth, gateTimeoutMs, domain } = options;
  if (name !== undefined && (typeof name !== 'string' || name === ''))
    throw new TypeError(`name must be a non-empty string, got ${show(name)}`);
  checkKnex('primary', options.primary);
  if (replicas !== undefined && !Array.isArray(replicas))
    throw new TypeError(`replicas must be an array of knex instances, got ${show(replicas)}`);
  for (const [index, replica] of (replicas ?? []).entries()) checkKnex(`replicas[${index}]`, replica);
  if (maxDepth !== undefined && !(Number.isInteger(maxDepth) && maxDepth >= 1))
    throw new RangeError(`maxDepth must be an integer >= 1, got ${show(maxDepth)}`);
  if (gateTimeoutMs !== undefined && !isDuration(gateTimeoutMs))
    throw new RangeError(`gateTimeoutMs must be > 0 and <= 2147483647, got ${show(gateTimeoutMs)}`);
  checkDangling(options.dangling);
  if (domain !== undefined) checkDomain(domain);
}

const longestShown = 100;

/** How an option's value appears in a message. */
export function show(value: unknown): string {
  if (typeof value === 'string')
    return value.length <= longestShown
      ? JSON.stringify(value)
      : `${JSON.stringify(`${value.slice(0, longestShown)}…`)} (${value.length} characters)`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}

function checkDomain(domain: DomainOptions): void {
  if (typeof domain !== 'object' || domain === null)
    throw new TypeError(`domain must be an object, got ${show(domain)}`);
  if (typeof domain.name !== 'string' || domain.name === '')
    throw new TypeError(`domain.name must be a non-empty string, got ${show(domain.name)}`);
  if (!Array.isArray(domain.allow) || domain.allow.length === 0)
    throw new TypeError(`domain.allow must be a non-empty array, got ${show(domain.allow)}`);
  for (const [index, entry] of domain.allow.entries()) {
    const { database, host } = (entry ?? {}) as Partial<DomainOptions['allow'][number]>;
    if (typeof database !== 'string' || database === '')
      throw new TypeError(
        `domain.allow[${index}].database must be a non-empty string, got ${show(database)}`,
      );
    if (host !== undefined && (typeof host !== 'string' || host === ''))
      throw new TypeError(`domain.allow[${index}].host must be a non-empty string, got ${show(host)}`);
  }
  if (domain.mode !== undefined && domain.mode !== 'strict' && domain.mode !== 'warn')
    throw new RangeError(`domain.mode must be strict or warn, got ${show(domain.mode)}`);
}

function checkKnex(option: string, value: unknown): void {
  const client = typeof value === 'function' ? (value as { client?: { driverName?: unknown } }).client : null;
  if (typeof client?.driverName !== 'string' || (value as { isTransaction?: boolean }).isTransaction === true)
    throw new TypeError(`${option} must be a knex instance (not a knex transaction), got ${show(value)}`);
}

function checkRetry(retry: RetryOptions | undefined): void {
  if (retry === undefined) return;
  if (typeof retry !== 'object' || retry === null)
    throw new TypeError(`retry must be an object, got ${show(retry)}`);
  if (!(Number.isInteger(retry.attempts) && retry.attempts >= 1))
    throw new RangeError(`retry.attempts must be an integer >= 1, got ${show(retry.attempts)}`);
  if (retry.baseMs !== undefined && !(Number.isFinite(retry.baseMs) && retry.baseMs >= 0))
    throw new RangeError(`retry.baseMs must be >= 0, got ${show(retry.baseMs)}`);
}

function checkTimeout(timeoutMs: number | undefined): void {
  if (timeoutMs !== undefined && !isDuration(timeoutMs))
    throw new RangeError(`timeoutMs must be > 0 and <= 2147483647, got ${show(timeoutMs)}`);
}

/** What setTimeout can wait for. */
const isDuration = (ms: unknown) => typeof ms === 'number' && ms > 0 && ms <= 2_147_483_647;

export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal !== undefined && typeof signal?.addEventListener !== 'function')
    throw new TypeError(`signal must be an AbortSignal, got ${show(signal)}`);
}

function checkDangling(dangling: Dangling | undefined): void {
  if (dangling !== undefined && dangling !== 'error' && dangling !== 'await')
    throw new RangeError(`dangling must be error or await, got ${show(dangling)}`);
}

function checkBoolean(option: string, value: boolean | undefined): void {
  if (value !== undefined && typeof value !== 'boolean')
    throw new TypeError(`${option} must be a boolean, got ${show(value)}`);
}

const isStringArray = (value: unknown) =>
  Array.isArray(value) && value.every((entry) => typeof entry === 'string');
