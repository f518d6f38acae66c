import { parseArgs } from 'node:util';
import { Stryker } from '@stryker-mutator/core';
import { startPostgres } from 'kit-tooling/servers';
import { cores } from './cores.ts';

const help = `npm run mutation -- --only breaker [--files window,retry] [--sample 25 --seed 1] [--force] [--list]

  Changes the sources of a package's core one expression at a time and looks whether a test notices.
  Fails below a score of 80 %. Reports go to reports/mutation/<package>/ (index.html, report.json);
  what has not changed since the last run is not run again.

  --only         one of: ${Object.keys(cores).join(', ')}
  --files        source files of it without ".ts", separated by commas: a run in pieces
  --sample       per cent of the mutants, drawn at random: an estimate of a core that is too large for the time
  --seed         the draw: the same number takes the same mutants, 1 by default
  --force        runs every mutant again
  --concurrency  test runners at once (1 to 16), 2 by default
  --list         shows what is mutated, what is left out and why
`;
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    files: { type: 'string', default: '' },
    sample: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    force: { type: 'boolean', default: false },
    concurrency: { type: 'string', default: '2' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}
if (values.list) {
  process.stdout.write(Object.keys(cores).map(describeCore).join('\n'));
  process.exit(0);
}
const core = Object.hasOwn(cores, values.only) ? cores[values.only] : undefined;
if (!core) stop(`--only must name one of ${Object.keys(cores).join(', ')}, got "${values.only}"`);
const concurrency = Number(values.concurrency);
if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 16)
  stop(`--concurrency must be a whole number from 1 to 16, got "${values.concurrency}"`);

const sample = Number(values.sample);
if (!(sample > 0 && sample <= 100)) stop(`--sample must be > 0 and <= 100, got "${values.sample}"`);
const isSample = sample < 100;

const name = values.only;
const folder = `packages/${name}/src`;
const reports = `reports/mutation/${name}`;
const chosen = values.files.split(',').filter(Boolean);
// The runners and the vitest configuration in the sandbox read it.
process.env.KIT_MUTATION_PACKAGE = name;
process.env.KIT_MUTATION_SAMPLE = values.sample;
process.env.KIT_MUTATION_SEED = values.seed;
process.env.KIT_MODEL_RUNS = '40';
const { engines = [] } = core;
process.env.KIT_TEST_ENGINES = engines.join(',');
const postgres = engines.includes('postgres')
  ? await startPostgres({ settings: { max_connections: '500' } })
  : undefined;
if (postgres) process.env.KIT_TEST_POSTGRES_URL = postgres.url;

const stryker = new Stryker({
  plugins: [import.meta.resolve('./runner.ts'), import.meta.resolve('./sampler.ts')],
  checkers: isSample ? ['sampler'] : [],
  testRunner: 'warm-vitest',
  ignoreStatic: true,
  mutate: (chosen.length > 0 ? chosen : core.files).map((file) => `${folder}/${file}.ts`),
  ignorePatterns: ['dist', 'coverage', 'reports', '.turbo', '.data'],
  // Codes, states and names that matter are asserted; prose is free to change.
  mutator: { excludedMutations: ['StringLiteral'] },
  incremental: true,
  incrementalFile: `${reports}/incremental${isSample ? `-${sample}-${values.seed}` : ''}.json`,
  force: values.force,
  concurrency,
  // A new worker has to fit in: on a busy machine that alone takes a while.
  timeoutMS: 25_000,
  timeoutFactor: 1.5,
  thresholds: { high: 90, low: 80, break: 80 },
  reporters: ['clear-text', process.stdout.isTTY ? 'progress' : 'progress-append-only', 'html', 'json'],
  clearTextReporter: { logTests: false, reportTests: false, skipFull: false },
  htmlReporter: { fileName: `${reports}/index.html` },
  jsonReporter: { fileName: `${reports}/report.json` },
  tempDirName: '.stryker-tmp',
});
await stryker.runMutationTest().finally(() => postgres?.stop());

function describeCore(name: string): string {
  const { files, leftOut } = cores[name]!;
  const rows = Object.entries(leftOut).map(([what, why]) => `  not ${what.padEnd(48)} ${why}\n`);
  return `${name}: ${files.join(', ')}\n${rows.join('')}`;
}

function stop(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(2);
}
