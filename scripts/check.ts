import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { parseArgs, styleText } from 'node:util';

/** What has to be true of a change before it lands, cheapest first. */
const packages = readdirSync('packages').map((name) => `packages/${name}`);
const steps: { name: string; help: string; commands: string[][] }[] = [
  { name: 'format', help: 'oxfmt', commands: [['oxfmt', '--check']] },
  { name: 'lint', help: 'oxlint with type-aware rules', commands: [['oxlint', '--type-aware']] },
  {
    name: 'types',
    help: 'TypeScript 7, strict',
    commands: [['node', 'node_modules/typescript-7/bin/tsc', '-p', 'tsconfig.json']],
  },
  {
    name: 'boundaries',
    help: 'no kit package imports another; adapters, layers, cycles',
    commands: [
      ['depcruise', '--config', '.dependency-cruiser.cjs', 'packages', 'examples', 'tests', 'tooling'],
    ],
  },
  { name: 'dead-code', help: 'unused files, exports and dependencies', commands: [['knip']] },
  {
    name: 'snippets',
    help: 'code in READMEs and guides compiles',
    commands: [['tsx', 'scripts/check-snippets.ts']],
  },
  {
    name: 'links',
    help: 'relative links and anchors in the documents lead somewhere',
    commands: [['tsx', 'scripts/check-links.ts']],
  },
  {
    name: 'build',
    help: 'the six packages',
    commands: [['turbo', 'run', 'build', '--filter=./packages/*', '--output-logs=errors-only']],
  },
  {
    name: 'publint',
    help: 'what would be published is well formed',
    commands: packages.map((folder) => ['publint', '--strict', '--pack', 'pnpm', folder]),
  },
  {
    name: 'attw',
    help: 'types resolve for ESM and CJS consumers',
    commands: packages.map((folder) => ['tsx', 'scripts/attw.ts', folder]),
  },
  {
    name: 'audit',
    help: 'known vulnerabilities of run-time dependencies, where the registry answers',
    commands: [['node', 'scripts/audit.mjs']],
  },
  {
    name: 'bench',
    help: 'every benchmark runs, in a short form',
    commands: [['node', '--import', 'tsx', 'tooling/src/bench/main.ts', '--short', '--no-write']],
  },
  {
    name: 'matrix',
    help: 'the trace context on the other supported versions of Node',
    commands: [['node', 'scripts/matrix.mjs', '--node', '22,26', '--project', 'trace']],
  },
  {
    name: 'versions',
    help: 'the packed packages beside the lowest and highest version of all they work with, on the oldest and newest Node',
    commands: [['node', '--conditions=@kit/source', '--import', 'tsx', 'tests/versions/main.ts']],
  },
  { name: 'tests', help: 'every test, with the coverage gate', commands: [['vitest', 'run', '--coverage']] },
];

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    skip: { type: 'string', default: '' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (values.list || values.help) {
  process.stdout.write('npm run check -- [--only a,b] [--skip a,b]\n\n');
  for (const step of steps) process.stdout.write(`  ${step.name.padEnd(11)} ${step.help}\n`);
  process.exit(0);
}

const only = namesIn(values.only);
const skip = namesIn(values.skip);
const chosen = steps.filter(
  (step) => (only.length === 0 || only.includes(step.name)) && !skip.includes(step.name),
);
const results: { name: string; ok: boolean; seconds: number }[] = [];

for (const [index, step] of chosen.entries()) {
  process.stdout.write(styleText('bold', `\n[${index + 1}/${chosen.length}] ${step.name}: ${step.help}\n`));
  const startedAt = performance.now();
  let ok = true;
  for (const [program, ...args] of step.commands) ok = (await run(program!, args)) && ok;
  results.push({ name: step.name, ok, seconds: (performance.now() - startedAt) / 1000 });
}

process.stdout.write('\n');
for (const { name, ok, seconds } of results) {
  const mark = ok ? styleText('green', 'ok    ') : styleText('red', 'FAILED');
  process.stdout.write(`${mark} ${name.padEnd(11)} ${seconds.toFixed(1).padStart(6)} s\n`);
}
process.exitCode = results.every((result) => result.ok) ? 0 : 1;

function namesIn(list: string): string[] {
  const names = list.split(',').filter(Boolean);
  const unknown = names.find((name) => !steps.some((step) => step.name === name));
  if (unknown) {
    process.stderr.write(`there is no step "${unknown}"; npm run check -- --list shows them\n`);
    process.exit(2);
  }
  return names;
}

async function run(program: string, args: string[]): Promise<boolean> {
  const child = spawn(program, args, { stdio: 'inherit' });
  return new Promise((resolve) => {
    child.once('error', (error) => {
      process.stderr.write(`${program}: ${error.message}\n`);
      resolve(false);
    });
    child.once('exit', (code) => resolve(code === 0));
  });
}
