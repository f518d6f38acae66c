import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'tsup';

const here = import.meta.dirname;

/** One file a process instead of a compiler in each of hundreds of them; gone when this process ends. */
export async function bundleProcesses(): Promise<{ service: string; partner: string }> {
  // Inside this folder, so that drivers are found from there.
  const parent = join(here, 'node_modules/.bundles');
  mkdirSync(parent, { recursive: true });
  const outDir = mkdtempSync(join(parent, 'run-'));
  process.once('exit', () => rmSync(outDir, { recursive: true, force: true }));
  await build({
    entry: [join(here, 'service.ts'), join(here, 'partner.ts')],
    outDir,
    format: 'esm',
    target: 'node22',
    outExtension: () => ({ js: '.mjs' }),
    external: [
      'better-sqlite3',
      'knex',
      'mysql2',
      'pg',
      'zod',
      'express',
      'fastify',
      'reflect-metadata',
      /^@nestjs\//,
    ],
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
  };
}
