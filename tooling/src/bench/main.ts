import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs, styleText } from 'node:util';
import { runCallBench } from './calls.ts';
import type { Bench } from './define.ts';
import { type Measured, renderTable, writeReport } from './report.ts';
import { runServerBench } from './servers.ts';

const help = `npm run bench -- [--only breaker,tx] [--short] [--no-write] [--list]

  --only      packages, or package/file (trace/log-line), separated by commas
  --short     a few calls of each: shows that every benchmark runs
  --no-write  leaves docs/benchmarks.md alone
  --list      shows what there is
`;
const { values } = parseArgs({
  allowNegative: true,
  options: {
    only: { type: 'string', default: '' },
    short: { type: 'boolean', default: false },
    write: { type: 'boolean', default: true },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}

const root = fileURLToPath(new URL('../../../', import.meta.url));
const only = values.only.split(',').filter(Boolean);
const files = globSync('packages/*/bench/*.bench.ts', { cwd: root }).sort().filter(isChosen);
if (values.list || files.length === 0) {
  process.stdout.write(
    files.length > 0 ? `${files.join('\n')}\n` : `no benchmark matches --only ${values.only}\n`,
  );
  process.exit(files.length > 0 ? 0 : 2);
}

build(new Set(files.map((file) => file.split('/')[1]!)));
const measured: Measured[] = [];
for (const [index, file] of files.entries()) {
  const { default: bench } = (await import(pathToFileURL(`${root}${file}`).href)) as { default: Bench };
  process.stderr.write(styleText('dim', `[${index + 1}/${files.length}] ${file}\n`));
  const table = await measure(bench);
  if (bench.kind === 'table' && bench.notes)
    table.notes = [table.notes, bench.notes].filter(Boolean).join(' ');
  measured.push({ package: bench.package, title: bench.title, table });
  process.stdout.write(
    `\n${styleText('bold', `@kit/${bench.package}: ${bench.title}`)}\n${renderTable(table)}\n\n`,
  );
}
if (values.write && !values.short) writeReport(`${root}docs/benchmarks.md`, measured);
// A peer may leave a timer or a socket open; the figures are written.
process.exit(0);

function isChosen(file: string): boolean {
  const [, name, , bench] = file.split('/');
  return (
    only.length === 0 || only.includes(name!) || only.includes(`${name}/${bench!.replace('.bench.ts', '')}`)
  );
}

function measure(bench: Bench) {
  if (bench.kind === 'calls') return runCallBench(bench, values);
  return bench.kind === 'servers' ? runServerBench(bench, values) : bench.run(values);
}

/** Measured is what would be published, by plain Node: compiled on the fly our functions would pay for names and source maps, the peers' would not. */
function build(names: Iterable<string>): void {
  const filters = [...names].map((name) => `--filter=@kit/${name}`);
  const args = ['run', 'build', ...filters, '--output-logs=errors-only', '--log-order=stream'];
  const { status, error } = spawnSync('turbo', args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error('the packages cannot be built', { cause: error });
}
