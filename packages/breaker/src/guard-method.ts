import type { BreakerRegistry } from './registry.js';
import { checkName } from './validate.js';

interface MetadataReflect {
  getMetadataKeys?: (target: object) => unknown[];
  getMetadata?: (key: unknown, target: object) => unknown;
  defineMetadata?: (key: unknown, value: unknown, target: object) => void;
}

/**
 * Replaces a method by one that runs through a breaker of the registry its instance carries under `registryKey`.
 *
 * @internal
 */
export function guardMethod<T>(
  descriptor: TypedPropertyDescriptor<T>,
  name: string,
  registryKey: symbol,
): TypedPropertyDescriptor<T> {
  checkName(name);
  const method: unknown = descriptor.value;
  if (typeof method !== 'function') throw new TypeError('@UseBreaker must decorate a method');
  async function guarded(this: { [key: symbol]: unknown }, ...args: unknown[]): Promise<unknown> {
    const breakers = this[registryKey] as BreakerRegistry;
    return breakers.get(name).run(() => (method as (...args: unknown[]) => unknown).apply(this, args));
  }
  Object.defineProperty(guarded, 'name', { value: method.name });
  copyMetadata(method, guarded);
  return { ...descriptor, value: guarded as T };
}

/** What decorators below this one have noted on the method, such as a route, has to be on what replaces it. */
function copyMetadata(from: object, to: object): void {
  const { getMetadataKeys, getMetadata, defineMetadata } = Reflect as MetadataReflect;
  for (const key of getMetadataKeys?.(from) ?? []) defineMetadata?.(key, getMetadata?.(key, from), to);
}
