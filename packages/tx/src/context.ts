import { AsyncLocalStorage } from 'node:async_hooks';
import type { KnexClient } from './knex-port.js';
import type { ReadPositions } from './positions.js';
import type { ReadScope, Scope } from './scope.js';

/** What surrounds a call: the scopes it is inside of, innermost first, and its request. */
export interface TxContext {
  readonly frame?: Frame | undefined;
  readonly positions?: ReadPositions | undefined;
}

/** One scope of one database. `none` suspends what is further out. */
export type Frame = FrameBase &
  (
    | { readonly kind: 'tx'; readonly scope: Scope }
    | { readonly kind: 'read'; readonly read: ReadScope }
    | { readonly kind: 'none'; readonly readOnly?: boolean | undefined }
  );

interface FrameBase {
  /** Managers on the same primary share the ambient transaction, so the client is the key, not the manager. */
  readonly client: KnexClient;
  readonly parent: Frame | undefined;
  readonly domain: string | undefined;
}

interface GlobalState {
  readonly version: 1;
  readonly storage: AsyncLocalStorage<TxContext>;
  /** State of a database that all managers of the process share. */
  readonly shared: WeakMap<object, Map<string, unknown>>;
  /** Open managers by name, newest last. */
  readonly managers: Map<string, unknown>;
}

const key = Symbol.for('@kit/tx');

/** One for all copies of the package in the process: an ESM and a CJS copy see one transaction. */
function globalState(): GlobalState {
  const holder = globalThis as { [key]?: GlobalState };
  holder[key] ??= {
    version: 1,
    storage: new AsyncLocalStorage<TxContext>(),
    shared: new WeakMap(),
    managers: new Map(),
  };
  return holder[key];
}

export function currentContext(): TxContext {
  return globalState().storage.getStore() ?? {};
}

export function runInContext<T>(context: TxContext, fn: () => T): T {
  return globalState().storage.run(context, fn);
}

/** Runs `fn` one scope further in. */
export function runInFrame<T>(frame: Frame, fn: () => T): T {
  return runInContext({ ...currentContext(), frame }, fn);
}

/** The innermost scope of a database in this flow. */
export function currentFrame(client: KnexClient): Frame | undefined {
  for (let frame = currentContext().frame; frame !== undefined; frame = frame.parent)
    if (frame.client === client) return frame;
  return undefined;
}

/** How many connections of this database the flow holds already, suspended ones included. */
export function heldConnections(client: KnexClient): number {
  const held: unknown[] = [];
  for (let frame = currentContext().frame; frame !== undefined; frame = frame.parent) {
    if (frame.client !== client || frame.kind !== 'tx') continue;
    const { physical } = frame.scope;
    if (!physical.ended && !held.includes(physical)) held.push(physical);
  }
  return held.length;
}

/** One value a database, made at the first call, whichever manager (or copy of the package) asks. */
export function sharedState<T>(client: KnexClient, name: string, make: () => T): T {
  const { shared } = globalState();
  let entries = shared.get(client);
  if (entries === undefined) shared.set(client, (entries = new Map()));
  if (!entries.has(name)) entries.set(name, make());
  return entries.get(name) as T;
}

export function managerRegistry(): Map<string, unknown> {
  return globalState().managers;
}
