import { once } from 'node:events';
import autocannon from 'autocannon';
import { runChild, type RunningChild } from '../process.ts';
import type { ServerBench, Table } from './define.ts';
import { judge, median } from './statistics.ts';

interface Contender {
  name: string;
  child: RunningChild;
  url: string;
  cpuPerRequest: number[];
}

/** The same load on each server in turn, round after round; CPU time is what the server process itself used. */
export async function runServerBench(bench: ServerBench, { short }: { short: boolean }): Promise<Table> {
  const rounds = short ? 1 : 7;
  const amount = short ? 200 : (bench.requests ?? 6_000);
  const contenders = await Promise.all(
    Object.entries(bench.servers).map(([name, file]) => start(name, file, bench.path ?? '/')),
  );
  try {
    for (const contender of contenders) await load(contender, amount, bench.connections ?? 20);
    for (let round = 0; round < rounds; round += 1) {
      for (let turn = 0; turn < contenders.length; turn += 1) {
        const contender = contenders[(turn + round) % contenders.length]!;
        const before = await cpuOf(contender);
        await load(contender, amount, bench.connections ?? 20);
        contender.cpuPerRequest.push(((await cpuOf(contender)) - before) / amount);
      }
    }
  } finally {
    for (const { child } of contenders) child.signal('SIGKILL');
    await Promise.all(contenders.map(({ child }) => child.exited));
  }

  const cpu = Object.fromEntries(contenders.map(({ name, cpuPerRequest }) => [name, median(cpuPerRequest)]));
  const added = Object.fromEntries(
    Object.entries(cpu).map(([name, value]) => [name, value - cpu[bench.bare]!]),
  );
  const ratio = (name: string) =>
    name === bench.bare ? '–' : `${(added[name]! / added[bench.baseline]!).toFixed(2)} ×`;
  return {
    columns: ['server', 'CPU per request', 'added', `ratio of the added to ${bench.baseline}`],
    rows: contenders.map(({ name }) => [
      name,
      `${cpu[name]!.toFixed(1)} µs`,
      name === bench.bare ? '–' : `${added[name]!.toFixed(1)} µs`,
      ratio(name),
    ]),
    notes: [...judge(bench.target, added), bench.notes ?? ''].filter(Boolean).join(' '),
  };
}

async function start(name: string, file: URL, path: string): Promise<Contender> {
  const child = runChild(file, { ipc: true, env: { NODE_ENV: 'production' } });
  const message = await Promise.race([
    once(child.process, 'message').then(([value]) => value as { port: number }),
    child.exited.then(() => undefined),
  ]);
  if (!message) throw new Error(`the bench server "${name}" ended:\n${child.stdout}${child.stderr}`);
  return { name, child, url: `http://127.0.0.1:${message.port}${path}`, cpuPerRequest: [] };
}

async function load(contender: Contender, amount: number, connections: number): Promise<void> {
  const result = await autocannon({ url: contender.url, amount, connections });
  if (result.errors > 0 || result.non2xx > 0) {
    throw new Error(`${contender.name}: ${result.errors} errors, ${result.non2xx} answers that are not 2xx`);
  }
}

async function cpuOf({ child }: Contender): Promise<number> {
  const answer = once(child.process, 'message');
  child.process.send?.('cpu');
  const [{ cpuMicroseconds }] = await answer;
  return cpuMicroseconds;
}
