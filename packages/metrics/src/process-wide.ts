/** Something that all copies of this package in a process share: ESM beside CJS, or two versions. */
export function processWide<T extends object>(name: string, make: () => T): T {
  const key = Symbol.for(`@kit/metrics/${name}/1`);
  const globals = globalThis as unknown as Record<symbol, T | undefined>;
  return (globals[key] ??= make());
}
