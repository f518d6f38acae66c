import { defineConfig, type Options } from 'tsup';

/** One build for every package: ESM beside CJS, types for both, the core shared between the entries of a format. */
export function kitBuild(entry: string[], overrides: Options = {}) {
  return defineConfig({
    entry,
    format: ['esm', 'cjs'],
    // Without splitting every CJS entry would carry its own copy of the core, and so its own state.
    splitting: true,
    dts: true,
    target: 'node22',
    clean: true,
    sourcemap: false,
    treeshake: true,
    tsconfig: 'tsconfig.json',
    ...overrides,
  });
}
