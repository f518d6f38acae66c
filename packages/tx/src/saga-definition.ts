import { checkText } from './check-text.js';
import { checkObject, show } from './options.js';

/** The part of a Standard Schema (zod, valibot, arktype, …) that a saga needs. https://standardschema.dev */
export interface SagaSchema<Input = unknown, Output = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a Standard Schema answers: a value, or issues. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One reason why an input does not fit. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What every step of a saga is called with. */
export interface StepContext {
  readonly sagaId: string;
  /** The validated input, as JSON gives it back. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as wide as what the schema allows
  readonly input: any;
  /** What the earlier steps returned, by step name. */
  // oxlint-disable-next-line typescript/no-explicit-any -- steps of one saga return different things
  readonly results: Record<string, any>;
  /** In an undo: what `do` returned; absent when its outcome is unknown. */
  // oxlint-disable-next-line typescript/no-explicit-any -- see above
  readonly result?: any;
  /** `sagaId:seq`, in an undo `sagaId:seq:undo`; the same for every attempt. `seq` counts from 0. */
  readonly idempotencyKey: string;
  /** Remote steps: aborted after `timeoutMs`, and when another instance has taken the saga over. */
  readonly signal?: AbortSignal;
  /** 1 for the first attempt. */
  readonly attempt: number;
}

/** A step's function; what it returns must be something JSON can hold. */
export type Step<R = unknown> = (context: StepContext) => R | Promise<R>;

/** What a partner says when it is asked about an idempotency key. */
export type Reconciliation =
  | { outcome: 'done'; result?: unknown }
  | { outcome: 'not-done' }
  | { outcome: 'unknown' };

export interface LocalOptions {
  /** Takes the step back, in one transaction with its own step row. */
  undo?: Step | undefined;
  /** After this step the saga only goes forward. @default false */
  pivot?: boolean | undefined;
}

export interface RemoteOptions extends LocalOptions {
  /** How long one call may take, in milliseconds; beyond it the outcome is unknown. @default 30_000 */
  timeoutMs?: number | undefined;
  /** Further errors after which nobody knows whether the partner acted. */
  unknown?: ((error: unknown) => boolean) | undefined;
  /** Asks the partner whether the call with this idempotency key was carried out. */
  reconcile?: Step<Reconciliation> | undefined;
}

export interface SagaStep extends Readonly<RemoteOptions> {
  readonly kind: 'local' | 'remote';
  readonly name: string;
  readonly run: Step;
}

export interface SagaDefinition<Input = unknown> {
  readonly name: string;
  readonly version: number;
  readonly input: SagaSchema<Input>;
  readonly steps: readonly SagaStep[];
  /** Index of the pivot, -1 without one. */
  readonly pivot: number;
}

/**
 * A step on the service's own database: its writes, its step row and the saga's cursor commit together, so it happens exactly once.
 *
 * @throws TypeError on a name that is empty or not a string, or a function that is missing.
 * @example
 * const row = local('row', ({ input }) => ({ id: input.id }), { undo: () => undefined });
 */
export function local(name: string, run: Step, options: LocalOptions = {}): SagaStep {
  checkStep(name, run, options);
  return Object.freeze({ ...options, kind: 'local', name, run });
}

/**
 * A step at a partner: the intent is committed, the partner called with an idempotency key, the answer committed.
 * A timeout, an abort, `ECONN*`, `EPIPE` and `UND_ERR_*` leave it unknown; any other error means that it failed.
 *
 * @throws TypeError on a name that is empty or not a string, or a function that is missing.
 * @throws RangeError on a `timeoutMs` that is not above 0.
 * @example
 * const order = remote('order', async ({ idempotencyKey, signal }) => {
 *   const headers = { 'idempotency-key': idempotencyKey };
 *   return (await fetch('http://orders/v1', { method: 'POST', headers, signal })).json();
 * }, { timeoutMs: 2_000 });
 */
export function remote(name: string, call: Step, options: RemoteOptions = {}): SagaStep {
  checkStep(name, call, options);
  const { timeoutMs = 30_000, unknown, reconcile } = options;
  if (!(Number.isFinite(timeoutMs) && timeoutMs > 0 && timeoutMs < 2 ** 31)) {
    throw new RangeError(`timeoutMs must be > 0 and < 2^31, got ${timeoutMs}`);
  }
  checkFunction('unknown', unknown);
  checkFunction('reconcile', reconcile);
  return Object.freeze({ ...options, timeoutMs, kind: 'remote', name, run: call });
}

/**
 * A saga: steps in order, undone in reverse when one of them fails before the pivot.
 *
 * @throws TypeError on a missing name, schema or steps, on two steps of one name, on a second pivot.
 * @throws RangeError on a version that is not an integer from 1.
 * @example
 * import { z } from 'zod';
 * const hello = defineSaga({ name: 'hello', version: 1, input: z.object({ who: z.string() }),
 *   steps: [local('greet', ({ input }) => `hello ${input.who}`)] });
 */
export function defineSaga<Input>(saga: {
  /** Names the rows in `kit_saga`; up to 100 characters. */
  name: string;
  /** Raise it with every change of the steps: a saga found under another version parks. */
  version: number;
  /** A Standard Schema: zod, valibot, arktype, … */
  input: SagaSchema<Input>;
  steps: readonly SagaStep[];
}): SagaDefinition<Input> {
  checkObject(saga, 'saga');
  const { name, version, input, steps } = saga;
  checkText('name', name, 100);
  if (!Number.isSafeInteger(version) || version < 1 || version > 2 ** 31 - 1) {
    throw new RangeError(`version must be an integer >= 1, got ${show(version)}`);
  }
  if (typeof input?.['~standard']?.validate !== 'function') {
    throw new TypeError('input must be a Standard Schema (zod, valibot, arktype, …)');
  }
  if (!Array.isArray(steps) || steps.length === 0) {
    throw new TypeError('steps must be a list of at least one step');
  }
  const seen = new Set<string>();
  for (const step of steps) {
    if (step?.kind !== 'local' && step?.kind !== 'remote') {
      throw new TypeError('steps must be made by local() or remote()');
    }
    if (seen.has(step.name)) throw new TypeError(`steps must have different names, got ${step.name} twice`);
    seen.add(step.name);
  }
  if (steps.filter((step) => step.pivot).length > 1) throw new TypeError('steps must have at most one pivot');
  const pivot = steps.findIndex((step) => step.pivot);
  return Object.freeze({ name, version, input, steps: Object.freeze([...steps]), pivot });
}

function checkStep(name: string, run: unknown, options: LocalOptions): void {
  checkText('step name', name, 100);
  if (typeof run !== 'function')
    throw new TypeError(`step "${name}" must have a function, got ${typeof run}`);
  checkObject(options);
  checkFunction('undo', options.undo);
  const { pivot } = options;
  if (pivot !== undefined && typeof pivot !== 'boolean') {
    throw new TypeError(`pivot must be a boolean, got ${show(pivot)}`);
  }
}

function checkFunction(what: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') {
    throw new TypeError(`${what} must be a function, got ${typeof value}`);
  }
}
