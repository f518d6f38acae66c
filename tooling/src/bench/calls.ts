import type { CallBench, Operation, Table } from './define.ts';
import { formatNs, judge, median } from './statistics.ts';

/** Rounds of all cases in turn, so that a noisy minute of the machine hits each of them alike. */
export async function runCallBench(bench: CallBench, { short }: { short: boolean }): Promise<Table> {
  const roundMs = short ? 5 : 150;
  const rounds = short ? 2 : 15;
  const names = Object.keys(bench.cases);
  const cases = new Map<string, { run: Operation; close?: () => unknown; count: number; times: number[] }>();
  for (const name of names) {
    const ready = await bench.cases[name]!();
    const { run, close } = typeof ready === 'function' ? { run: ready, close: undefined } : ready;
    cases.set(name, { run, ...(close ? { close } : {}), count: await calibrate(run, roundMs), times: [] });
  }
  for (let round = 0; round < rounds; round += 1) {
    // The order turns, too: the case after a garbage-heavy one would always pay for it.
    for (let turn = 0; turn < names.length; turn += 1) {
      const entry = cases.get(names[(turn + round) % names.length]!)!;
      entry.times.push(await time(entry.run, entry.count));
    }
  }
  for (const { close } of cases.values()) await close?.();

  const medians = Object.fromEntries([...cases].map(([name, { times }]) => [name, median(times)]));
  const base = medians[bench.baseline]!;
  return {
    columns: ['case', 'median per call', `ratio to ${bench.baseline}`],
    rows: names.map((name) => [name, formatNs(medians[name]!), `${(medians[name]! / base).toFixed(2)} ×`]),
    notes: [...judge(bench.target, medians), bench.notes ?? ''].filter(Boolean).join(' '),
  };
}

/** Warms the case up and finds how many calls fill a round. */
async function calibrate(run: Operation, roundMs: number): Promise<number> {
  let count = 1;
  for (;;) {
    const totalMs = ((await time(run, count)) * count) / 1e6;
    if (totalMs >= roundMs / 2) return Math.max(1, Math.round((count * roundMs) / totalMs));
    count *= totalMs < roundMs / 20 ? 10 : 2;
  }
}

/** Nanoseconds a call. Synchronous operations run in a tight loop, asynchronous ones one after the other. */
async function time(run: Operation, count: number): Promise<number> {
  const first = run();
  const isAsync = typeof (first as PromiseLike<unknown> | undefined)?.then === 'function';
  if (isAsync) await first;
  const startedAt = process.hrtime.bigint();
  if (isAsync) for (let index = 0; index < count; index += 1) await run();
  else for (let index = 0; index < count; index += 1) run();
  return Number(process.hrtime.bigint() - startedAt) / count;
}
