import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'tsup';

const here = import.meta.dirname;

/** One file a process instead of a compiler in each of hundreds of them; made anew by every test file. */
export async function bundleProcesses(): Promise<{ service: string; partner: string; remove(): void }> {
  // Inside this folder, so that drivers are found from there.
  const parent = join(here, 'node_modules/.bundles');
  mkdirSync(parent, { recursive: true });
  const outDir = mkdtempSync(join(parent, 'run-'));
  await build({
    entry: [join(here, 'service.ts'), join(here, 'partner.ts')],
    outDir,
    format: 'esm',
    target: 'node22',
    outExtension: () => ({ js: '.mjs' }),
    external: ['better-sqlite3', 'knex', 'mysql2', 'pg', 'zod'],
    noExternal: [/^@kit\//],
    esbuildOptions(options) {
      options.conditions = ['@kit/source'];
    },
    config: false,
    dts: false,
    silent: true,
    clean: false,
  });
  return {
    service: join(outDir, 'service.mjs'),
    partner: join(outDir, 'partner.mjs'),
    remove: () => rmSync(outDir, { recursive: true, force: true }),
  };
}
