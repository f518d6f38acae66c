import { managerRegistry } from './context.js';
import type { TransactionManager } from './manager.js';
import type { ReadOptions, RunOptions } from './options.js';

/** Which manager a decorated method uses: its name, itself, or a function that gives it. Resolved at every call. */
export interface ManagerChoice {
  /** @default the only open manager, else the one named `default` */
  manager?: string | TransactionManager | (() => TransactionManager) | undefined;
}

/** An asynchronous method; decorating a synchronous one is a compile error. */
export type AsyncMethod = (...args: never[]) => Promise<unknown>;

/** One decorator for both kinds: TC39's `(method, context)` and TypeScript's legacy `(prototype, name, descriptor)`. */
export interface AsyncMethodDecorator {
  <T extends AsyncMethod>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<T>,
  ): TypedPropertyDescriptor<T>;
  <T extends AsyncMethod>(method: T, context: ClassMethodDecoratorContext): T;
}

/**
 * Wraps a function so that every call runs in a transaction.
 *
 * @example
 * const pay = transactional(tm, { isolation: 'serializable' })(async (id: number) => {
 *   await tm.db('payment').where({ id }).update({ status: 'paid' });
 * });
 * await pay(1);
 */
export function transactional(
  tm: TransactionManager,
  options: RunOptions = {},
): <This, A extends unknown[], R>(
  fn: (this: This, ...args: A) => Promise<R>,
) => (this: This, ...args: A) => Promise<R> {
  return (fn) => {
    refuseGenerator(fn, 'transactional');
    return function wrapped(this, ...args) {
      return tm.run(options, () => promised(fn.apply(this, args), fn.name));
    };
  };
}

/**
 * Runs the method in a transaction of `tm.run(options)`.
 *
 * @throws TypeError when it decorates anything but a method; the call rejects with one when the method is synchronous.
 * @example
 * class Payments {
 *   \@Transactional({ manager: 'payment' })
 *   async pay(id: number): Promise<void> {}
 * }
 */
export function Transactional(options: RunOptions & ManagerChoice = {}): AsyncMethodDecorator {
  const { manager, ...runOptions } = options;
  return decorator('Transactional', (work) => managerOf(manager).run(runOptions, work));
}

/**
 * Runs the method in `tm.read(options)`.
 *
 * @throws TypeError when it decorates anything but a method; the call rejects with one when the method is synchronous.
 */
export function ReadOnly(options: ReadOptions & ManagerChoice = {}): AsyncMethodDecorator {
  const { manager, ...readOptions } = options;
  return decorator('ReadOnly', (work) => managerOf(manager).read(readOptions, work));
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

function decorator(
  name: string,
  run: (work: () => Promise<unknown>) => Promise<unknown>,
): AsyncMethodDecorator {
  const wrap = (method: Method): Method => {
    refuseGenerator(method, `@${name}()`);
    const wrapped: Method = async function transactionalMethod(this: unknown, ...args) {
      return run(async () => promised(method.apply(this, args), method.name));
    };
    return copyIdentity(method, wrapped);
  };
  const decorate = (target: unknown, at: unknown, descriptor?: PropertyDescriptor): unknown => {
    if (descriptor !== undefined) {
      if (typeof descriptor.value !== 'function') throw notAMethod(name, at);
      return { ...descriptor, value: wrap(descriptor.value as Method) };
    }
    const kind = (at as { kind?: unknown } | undefined)?.kind;
    if (kind !== 'method' || typeof target !== 'function') throw notAMethod(name, at);
    return wrap(target as Method);
  };
  return decorate as AsyncMethodDecorator;
}

function managerOf(choice: ManagerChoice['manager']): TransactionManager {
  if (typeof choice === 'function') return choice();
  if (typeof choice === 'object') return choice;
  const managers = managerRegistry() as Map<string, TransactionManager>;
  if (choice === undefined && managers.size === 1) return [...managers.values()][0]!;
  const found = managers.get(choice ?? 'default');
  if (found !== undefined) return found;
  const open = [...managers.keys()].map((name) => `"${name}"`).join(', ') || 'none';
  throw new TypeError(
    choice === undefined
      ? `manager must be given where not exactly one is open, open are: ${open}`
      : `manager must be the name of an open manager, got "${choice}", open are: ${open}`,
  );
}

/** A method without a promise has ended, as far as anybody can tell, before its statements. */
function promised<T>(returned: T, name: string): T {
  if (typeof (returned as { then?: unknown } | null | undefined)?.then === 'function') return returned;
  throw new TypeError(
    `${name || 'the function'} must return a promise to run in a transaction, got ${typeof returned}`,
  );
}

function refuseGenerator(fn: unknown, where: string): void {
  if (typeof fn !== 'function') throw new TypeError(`${where} must wrap a function, got ${typeof fn}`);
  if (fn.constructor.name.endsWith('GeneratorFunction'))
    throw new TypeError(
      `${where} must wrap an async function, got the generator ${fn.name}, whose body would run outside the transaction`,
    );
}

function notAMethod(name: string, at: unknown): TypeError {
  const place = (at as { kind?: string } | undefined)?.kind ?? (at === undefined ? 'class' : 'field');
  return new TypeError(`@${name}() must decorate a method, got a ${place}`);
}

interface MetadataReflect {
  getMetadataKeys?(target: object): unknown[];
  getMetadata?(key: unknown, target: object): unknown;
  defineMetadata?(key: unknown, value: unknown, target: object): void;
}

/** Frameworks keep a route's metadata on the function: decorators below must not lose theirs. */
function copyIdentity(from: Method, to: Method): Method {
  Object.defineProperty(to, 'name', { value: from.name, configurable: true });
  Object.defineProperty(to, 'length', { value: from.length, configurable: true });
  const metadata = Reflect as unknown as MetadataReflect;
  for (const key of metadata.getMetadataKeys?.(from) ?? [])
    metadata.defineMetadata?.(key, metadata.getMetadata?.(key, from), to);
  return to;
}
