import { once } from 'node:events';
import { runChild, type RunningChild } from '../process.ts';
import type { ServerBench, Table } from './define.ts';
import { type LoadClient, openLoad } from './load.ts';
import { type Samples, serverTable } from './server-table.ts';
import { median } from './statistics.ts';

interface Contender {
  name: string;
  child: RunningChild;
  client: LoadClient;
}

/** How much of everything; the short form only shows that a bench runs. */
const full = { starts: 9, rounds: 8, requests: 1_500, warmUp: { chunk: 4_000, least: 6, most: 10 } };
const short = { starts: 1, rounds: 2, requests: 100, warmUp: { chunk: 100, least: 1, most: 1 } };
type Plan = typeof full;

/**
 * In many a process whose heap is collected as a whole while the server is young, `process.nextTick` stays slow for good: some
 * 3 µs a request, whoever wrote the server. Where that collection falls is a matter of a few hundred kilobytes of loaded code, so
 * the heap starts larger, for all of them (docs/decisions/2026-11-27-server-benches.md).
 */
const nodeArgs = ['--initial-heap-size=256'];

/**
 * The same load on each server in turn, in many short rounds, so that a noisy second of the machine hits all of them; CPU time
 * is what the server process itself used. All of them are started anew many times, since a process keeps for its whole life
 * what the optimising compiler and the heap happened to make of it; many short starts tell more than few long ones. The bare
 * server runs twice: what its twin seems to add is the noise.
 */
export async function runServerBench(bench: ServerBench, options: { short: boolean }): Promise<Table> {
  const plan = options.short ? short : full;
  const twinOf = bench.bare ?? bench.baseline;
  const twin = `${twinOf}, once more`;
  const files = { ...bench.servers, [twin]: bench.servers[twinOf]! };
  const samples: Samples = { cpu: [], busy: [] };
  for (let start = 0; start < plan.starts; start += 1) await measureOneStart(bench, files, plan, samples);
  return serverTable(bench, Object.keys(files), samples);
}

async function measureOneStart(
  bench: ServerBench,
  files: Record<string, URL>,
  plan: Plan,
  samples: Samples,
): Promise<void> {
  const contenders: Contender[] = [];
  const cpu: Record<string, number[]> = {};
  try {
    for (const [name, file] of Object.entries(files)) {
      contenders.push(await start(name, file, bench));
      cpu[name] = [];
    }
    for (const contender of contenders) await warmUp(contender, plan.warmUp);
    for (let round = 0; round < plan.rounds; round += 1) {
      // The order turns, too: the server after a greedy one would always find its caches cold.
      for (let turn = 0; turn < contenders.length; turn += 1) {
        const contender = contenders[(turn + round) % contenders.length]!;
        await contender.client.run(plan.requests >> 3);
        const { cpuPerRequest, busy } = await measure(contender, plan.requests);
        cpu[contender.name]!.push(cpuPerRequest);
        samples.busy.push(busy);
      }
    }
  } finally {
    for (const { child, client } of contenders) {
      client.close();
      child.signal('SIGKILL');
    }
    await Promise.all(contenders.map(({ child }) => child.exited));
  }
  samples.cpu.push(cpu);
}

/** Until the optimising compiler is done: three chunks in a row that are not cheaper than the three before them. */
async function warmUp(contender: Contender, { chunk, least, most }: Plan['warmUp']): Promise<void> {
  const seen: number[] = [];
  for (let count = 0; count < most; count += 1) {
    seen.push((await measure(contender, chunk)).cpuPerRequest);
    if (seen.length >= least && median(seen.slice(-3)) >= 0.97 * median(seen.slice(-6, -3))) return;
  }
}

async function start(name: string, file: URL, bench: ServerBench): Promise<Contender> {
  const env = { NODE_ENV: 'production' };
  const child = runChild(file, { ipc: true, asPublished: true, nodeArgs, env });
  const message = await Promise.race([
    once(child.process, 'message').then(([value]) => value as { port: number }),
    child.exited.then(() => undefined),
  ]);
  if (!message) throw new Error(`the bench server "${name}" ended:\n${child.stdout}${child.stderr}`);
  const { path = '/', status = 200, connections = 50 } = bench;
  return { name, child, client: await openLoad({ port: message.port, path, status, connections }) };
}

async function measure({ name, child, client }: Contender, requests: number) {
  const before = await cpuOf(child);
  const startedAt = performance.now();
  await client.run(requests).catch((error: unknown) => {
    throw new Error(`${name}: ${String(error)}`);
  });
  const wallMicroseconds = (performance.now() - startedAt) * 1_000;
  const cpu = (await cpuOf(child)) - before;
  return { cpuPerRequest: cpu / requests, busy: cpu / wallMicroseconds };
}

async function cpuOf({ process }: RunningChild): Promise<number> {
  const answer = once(process, 'message');
  process.send?.('cpu');
  const [{ cpuMicroseconds }] = (await answer) as [{ cpuMicroseconds: number }];
  return cpuMicroseconds;
}
