#!/usr/bin/env node
// The first command after a clone, on a machine with nothing but Node 18+ and npm. No dependencies.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const isWindows = process.platform === 'win32';

const source = ['--conditions=@kit/source', '--import', 'tsx'];
const tasks = {
  start: { help: 'run the example platform', command: ['node', ...source, 'examples/start.ts'] },
  dev: {
    help: 'run the example platform and restart it on changes',
    command: ['node', ...source, 'examples/start.ts', '--watch'],
  },
  copy: {
    help: 'copy an example as a service of your own: payment-service ../my-service',
    command: ['node', ...source, 'examples/copy.ts'],
  },
  test: {
    help: 'run every test; arguments go to vitest (npm test -- --project trace)',
    command: ['vitest', 'run'],
    before: installServers,
  },
  build: {
    help: 'build the six packages',
    command: ['turbo', 'run', 'build', '--filter=./packages/*', '--output-logs=errors-only'],
  },
  check: {
    help: 'everything CI checks; --list, --only a,b, --skip tests',
    command: ['node', ...source, 'scripts/check.ts'],
    before: installServers,
  },
  bench: {
    help: 'benchmarks beside their peers; --list, --only breaker, --short',
    // Without the sources: what is measured is what is installed.
    command: ['node', '--import', 'tsx', 'tooling/src/bench/main.ts'],
  },
  mutation: {
    help: 'mutation tests of the cores; --only breaker|errors|tx, --list, --help',
    command: ['node', '--import', 'tsx', 'scripts/mutation/main.ts'],
  },
  load: {
    help: 'load the running example platform; --help',
    command: ['node', ...source, 'tooling/src/load/main.ts'],
  },
  format: { help: 'format all files', command: ['oxfmt'] },
  exec: { help: 'any program of the toolchain (npm run exec -- changeset)', command: [] },
};

const [name, ...args] = process.argv.slice(2);
const task = Object.hasOwn(tasks, name ?? '') ? tasks[name] : undefined;
if (!task) {
  const known = Object.entries(tasks).map(([key, { help }]) => `  npm run ${key.padEnd(8)} ${help}`);
  say(
    `${name && !/^(--)?help$|^-h$/.test(name) ? `there is no task "${name}"` : 'the tasks'}:\n${known.join('\n')}`,
  );
  process.exit(name && !/^(--)?help$|^-h$/.test(name) ? 2 : 0);
}

const nodePath = findNode();
const pnpmPath = findPnpm();
const env = {
  ...process.env,
  PATH: [dirname(nodePath), dirname(pnpmPath), join(root, 'node_modules/.bin'), process.env.PATH].join(
    delimiter,
  ),
  NODE: nodePath,
  npm_node_execpath: nodePath,
  // Nothing in this repository reports to anybody.
  TURBO_TELEMETRY_DISABLED: '1',
  DO_NOT_TRACK: '1',
};
// pnpm itself is asked to change what an install from the lockfile would refuse.
if (name !== 'exec' || args[0] !== 'pnpm') installDependencies();
task.before?.();
run([...task.command, ...args]);

/** The Node that runs us when it fits the toolchain (^22.18 || ^24.11 || >=26), else one that npm ships. */
function findNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if ((major === 22 && minor >= 18) || (major === 24 && minor >= 11) || major >= 26) return process.execPath;
  const folder = join(root, 'tools/node');
  const platform = `${isWindows ? 'win' : process.platform}-${process.arch}`;
  const program = isWindows ? 'bin/node.exe' : 'bin/node';
  const fetched = () =>
    [`node-${platform}`, `node-bin-${platform}`]
      .map((name) => join(folder, 'node_modules', name, program))
      .find((file) => existsSync(file));
  onceFor(folder, readFileSync(join(folder, 'package-lock.json')), fetched, () => {
    say(`Node ${process.versions.node} is too old for the toolchain; fetching a newer one through npm`);
    npm(folder, ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
  });
  const found = fetched();
  if (!found) fail(`npm has no Node for ${platform}; install Node 24.11 or newer and try again`);
  return found;
}

/** The pinned pnpm: the native binary itself, since the package's own `pnpm` is a script that not everything can start. */
function findPnpm() {
  const folder = join(root, 'tools/pnpm');
  const scope = join(folder, 'node_modules/@pnpm');
  const program = () =>
    (existsSync(scope) ? readdirSync(scope) : [])
      .map((name) => join(scope, name, isWindows ? 'pnpm.exe' : 'pnpm'))
      .find((file) => existsSync(file));
  onceFor(folder, readFileSync(join(folder, 'package.json')), program, () => {
    say('fetching pnpm through npm');
    npm(folder, ['install', '--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund']);
  });
  const found = program();
  if (!found) fail(`npm has no pnpm for ${process.platform} ${process.arch}`);
  return found;
}

/** Runs `fetch` unless it has run for this very input and left its result. */
function onceFor(folder, input, isThere, fetch) {
  const stamp = join(folder, 'node_modules/.kit-stamp');
  const hash = createHash('sha256').update(input).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash && isThere()) return;
  fetch();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
}

function npm(cwd, npmArgs) {
  const result = spawnSync('npm', npmArgs, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    shell: isWindows,
  });
  if (result.status !== 0)
    fail(
      `npm ${npmArgs.join(' ')} failed in ${cwd}:\n${result.stdout ?? ''}${result.stderr ?? result.error}`,
    );
}

/** From the frozen lockfile: pnpm itself knows in half a second when there is nothing to do. */
function installDependencies() {
  const isFirst = !existsSync(join(root, 'node_modules/.modules.yaml'));
  if (isFirst) say('installing dependencies from the lockfile');
  const result = spawnSync(pnpmPath, ['install', '--frozen-lockfile'], {
    cwd: root,
    env,
    stdio: isFirst ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    shell: isWindows,
  });
  if (result.status !== 0) {
    fail(
      `pnpm install failed:\n${result.stdout ?? ''}${result.stderr ?? ''}` +
        'After a change in a package.json: npm run exec -- pnpm install',
    );
  }
}

/** Servers that no npm package ships: under CI on Debian as root apt brings what is missing; elsewhere suites say how to get it. */
function installServers() {
  if (process.env.CI !== 'true' || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  const wanted = {
    'mariadb-server': 'mariadbd',
    'redis-server': 'redis-server',
    prometheus: 'promtool',
    chromium: 'chromium',
  };
  const folders = ['/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin'];
  const missing = Object.entries(wanted)
    .filter(([, program]) => !folders.some((folder) => existsSync(join(folder, program))))
    .map(([debianPackage]) => debianPackage);
  if (missing.length === 0) return;
  say(`installing ${missing.join(', ')} with apt`);
  const options = {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  };
  spawnSync('apt-get', ['update', '-qq'], options);
  const result = spawnSync(
    'apt-get',
    ['install', '-y', '-qq', '--no-install-recommends', ...missing],
    options,
  );
  if (result.status !== 0) fail(`apt-get install ${missing.join(' ')} failed`);
}

/** The task leads a process group of its own, so that whatever ends us ends all of it. */
function run([program, ...programArgs]) {
  const file = { node: nodePath, pnpm: pnpmPath }[program] ?? binary(program);
  const child = spawn(file, programArgs, {
    cwd: root,
    env,
    stdio: 'inherit',
    detached: !isWindows,
    shell: isWindows,
  });
  const signalGroup = (signal) => {
    try {
      process.kill(isWindows ? child.pid : -child.pid, signal);
    } catch {
      // Nobody is left in the group.
    }
  };
  let ending = false;
  const end = (signal) => {
    signalGroup(signal);
    if (ending) return;
    ending = true;
    setTimeout(() => signalGroup('SIGKILL'), 30_000).unref();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(signal));
  // npm starts us through a shell; killed, it takes neither of us along.
  const isOrphan = orphanDetector();
  setInterval(() => isOrphan() && end('SIGTERM'), 500).unref();
  child.once('error', (error) => fail(String(error)));
  child.once('exit', (code, signal) => {
    signalGroup('SIGKILL');
    process.exit(code ?? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 1));
  });
}

function binary(program = '') {
  const file = join(root, 'node_modules/.bin', isWindows ? `${program}.cmd` : program);
  if (!program || !existsSync(file)) fail(`there is no program "${program}" in the toolchain`);
  return file;
}

/** Tells when our parent, or (where /proc shows it) the parent of that, has gone. */
function orphanDetector() {
  const grandparent = () => {
    try {
      // "pid (name with spaces) state ppid …"
      const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8');
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
    } catch {
      return undefined;
    }
  };
  const [parent, itsParent] = [process.ppid, grandparent()];
  return () => process.ppid !== parent || grandparent() !== itsParent;
}

function say(text) {
  process.stderr.write(`[kit] ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}
