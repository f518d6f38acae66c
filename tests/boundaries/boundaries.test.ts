import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
let folder: string | undefined;
afterEach(() => folder && rmSync(folder, { recursive: true, force: true }));

/** Runs the repository's own rules on a small tree that follows them all, plus the files given. */
function cruise(files: Record<string, string>): { ok: boolean; output: string } {
  folder = mkdtempSync(join(tmpdir(), 'kit-boundaries-'));
  const tree: Record<string, string> = {
    'package.json': '{ "type": "module" }',
    'tsconfig.json': '{ "compilerOptions": { "module": "nodenext" } }',
    'node_modules/fastify/package.json': '{ "name": "fastify", "main": "index.js" }',
    'node_modules/fastify/index.js': 'module.exports = {};',
    'node_modules/knex/package.json': '{ "name": "knex", "main": "index.js" }',
    'node_modules/knex/index.js': 'module.exports = {};',
    'packages/breaker/src/index.ts': "export * from './breaker.js';",
    'packages/breaker/src/breaker.ts': 'export const a = 1;',
    'packages/breaker/src/fastify.ts': "import 'fastify'; import './index.js';",
    'packages/health/src/index.ts': 'export const b = 1;',
    'tooling/src/clock.ts': 'export const c = 1;',
    'examples/payment-service/src/domain/payment/payment.ts': 'export const payment = 1;',
    'examples/payment-service/src/application/create-payment.ts': "import '../domain/payment/payment.js';",
    'examples/payment-service/src/infrastructure/payments.ts': "import '../domain/payment/payment.js';",
    'examples/payment-service/src/infrastructure/payment-repository.ts':
      "import type { Knex } from 'knex'; export type Db = Knex;",
    'examples/payment-service/src/interface/routes.ts': "import '../application/create-payment.js';",
    'examples/payment-service/src/composition.ts':
      "import './infrastructure/payments.js'; import './interface/routes.js';",
    ...files,
  };
  for (const [path, text] of Object.entries(tree)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const result = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs'),
      '--config',
      join(root, '.dependency-cruiser.cjs'),
      'packages',
      'examples',
      'tooling',
    ],
    { cwd: folder, encoding: 'utf8' },
  );
  return { ok: result.status === 0, output: result.stdout + result.stderr };
}

describe('dependency-cruiser', () => {
  it('passes a tree that follows the rules', () => {
    expect(cruise({})).toMatchObject({ ok: true });
  });

  const forbidden: [rule: string, what: string, files: Record<string, string>][] = [
    [
      'no-kit-imports-kit',
      'one kit package importing another by path',
      { 'packages/breaker/src/breaker.ts': "import '../../health/src/index.js'; export const a = 1;" },
    ],
    [
      'no-kit-imports-kit-by-name',
      'one kit package importing another by name',
      { 'packages/breaker/src/breaker.ts': "import '@kit/health'; export const a = 1;" },
    ],
    [
      'no-kit-imports-kit',
      'even for a type alone',
      {
        'packages/breaker/src/breaker.ts':
          "import type { b } from '../../health/src/index.js'; export const a = 1;",
      },
    ],
    [
      'adapters-are-thin',
      'an adapter that reaches past the index',
      { 'packages/breaker/src/fastify.ts': "import 'fastify'; import './breaker.js';" },
    ],
    [
      'adapters-are-thin',
      'an adapter that imports a driver',
      { 'packages/breaker/src/fastify.ts': "import 'fastify'; import 'knex';" },
    ],
    [
      'cores-know-no-framework',
      'a core that imports a framework',
      { 'packages/breaker/src/breaker.ts': "import 'fastify'; export const a = 1;" },
    ],
    [
      'sources-stay-inside',
      'a source that imports the tooling',
      { 'packages/breaker/src/breaker.ts': "import '../../../tooling/src/clock.js'; export const a = 1;" },
    ],
    [
      'domain-imports-nothing',
      'a domain that imports a library',
      {
        'examples/payment-service/src/domain/payment/payment.ts': "import 'knex'; export const payment = 1;",
      },
    ],
    [
      'application-knows-the-domain-only',
      'a use case that imports its repository',
      {
        'examples/payment-service/src/application/create-payment.ts':
          "import '../infrastructure/payments.js';",
      },
    ],
    [
      'interface-never-imports-infrastructure',
      'a route that imports a repository',
      { 'examples/payment-service/src/interface/routes.ts': "import '../infrastructure/payments.js';" },
    ],
    [
      'infrastructure-knows-no-interface',
      'a repository that imports a route',
      { 'examples/payment-service/src/infrastructure/payments.ts': "import '../interface/routes.js';" },
    ],
    [
      'repositories-only-run-sql',
      'a repository that makes a knex of its own',
      {
        'examples/payment-service/src/infrastructure/payment-repository.ts':
          "import knexFactory from 'knex'; export const knex = knexFactory({});",
      },
    ],
    [
      'repositories-only-run-sql',
      'a repository that makes a manager of its own',
      {
        'packages/tx/src/index.ts': 'export const createTransactionManager = () => {};',
        'examples/payment-service/src/infrastructure/payment-repository.ts':
          "import { createTransactionManager } from '../../../../packages/tx/src/index.js'; createTransactionManager();",
      },
    ],
    [
      'only-composition-wires',
      'another file that wires',
      { 'examples/payment-service/src/config.ts': "import './infrastructure/payments.js';" },
    ],
    [
      'no-circular',
      'a cycle',
      {
        'packages/health/src/index.ts': "import './checks.js'; export const b = 1;",
        'packages/health/src/checks.ts': "import './index.js'; export const d = 1;",
      },
    ],
  ];
  it.each(forbidden)('%s refuses %s', (rule, _what, files) => {
    const { ok, output } = cruise(files);
    expect(output).toContain(`error ${rule}:`);
    expect(ok).toBe(false);
  });
});
