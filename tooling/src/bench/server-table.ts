import type { ServerBench, Table } from './define.ts';
import { judge, median, quartiles } from './statistics.ts';

/** What was measured: of each start, for each server, CPU microseconds a request in each round. */
export interface Samples {
  cpu: Record<string, number[]>[];
  /** CPU time by wall time of each round. */
  busy: number[];
}

/** Differences and ratios within one round or one start only; what is shown of them are medians. */
export function serverTable(bench: ServerBench, names: readonly string[], { cpu, busy }: Samples): Table {
  const { bare, baseline } = bench;
  const all = (name: string) => cpu.flatMap((start) => start[name]!);
  const addedIn = (start: Record<string, number[]>, name: string) =>
    bare === undefined ? start[name]! : start[name]!.map((value, round) => value - start[bare]![round]!);
  const ratiosOf = (name: string) =>
    cpu.map((start) => median(addedIn(start, name)) / median(addedIn(start, baseline)));

  const ratio = (name: string) => {
    if (name === bare) return '–';
    const [low, high] = quartiles(ratiosOf(name));
    const spread = name === baseline ? '' : ` (${low.toFixed(2)}–${high.toFixed(2)})`;
    return `${median(ratiosOf(name)).toFixed(2)} ×${spread}`;
  };
  const added = (name: string) => {
    if (name === bare) return '–';
    const differences = cpu.flatMap((start) => addedIn(start, name));
    const [low, high] = quartiles(differences);
    return `${median(differences).toFixed(1)} µs (${low.toFixed(1)}–${high.toFixed(1)})`;
  };
  return {
    columns: [
      'server',
      'CPU per request',
      ...(bare === undefined ? [] : ['added']),
      bare === undefined ? `ratio to ${baseline}` : `ratio of the added to ${baseline}`,
    ],
    rows: names.map((name) => [
      name,
      `${median(all(name)).toFixed(1)} µs`,
      ...(bare === undefined ? [] : [added(name)]),
      ratio(name),
    ]),
    notes: [
      ...judge(bench.target, Object.fromEntries(names.map((name) => [name, median(ratiosOf(name))]))),
      `Medians; in brackets the quartiles${bare === undefined ? '' : ', of the added over all rounds,'} of the ratio over ${cpu.length} starts of every server. What "${bare ?? baseline}, once more" shows is the noise. The servers were busy ${Math.round(100 * median(busy))} % of the time.`,
      bench.notes ?? '',
    ]
      .filter(Boolean)
      .join(' '),
  };
}
