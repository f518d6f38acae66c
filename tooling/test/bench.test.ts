import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCallBench } from '../src/bench/calls.ts';
import { defineBench, defineServerBench } from '../src/bench/define.ts';
import { renderTable, writeReport } from '../src/bench/report.ts';
import { runServerBench } from '../src/bench/servers.ts';
import { judge, median } from '../src/bench/statistics.ts';

const spin = (loops: number) => () => {
  let sum = 0;
  for (let index = 0; index < loops; index += 1) sum += Math.sqrt(index);
  return sum;
};

describe('the bench harness', () => {
  it('takes the middle of an odd and the mean of the two middles of an even number of rounds', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([9, 1, 5, 7])).toBe(6);
  });

  it('ranks a hundredfold difference in the right order and closes its cases', async () => {
    let closed = 0;
    const table = await runCallBench(
      defineBench({
        package: 'x',
        title: 'x',
        baseline: 'slow',
        cases: { fast: () => spin(100), slow: () => ({ run: spin(10_000), close: () => (closed += 1) }) },
        target: { case: 'fast', ratio: 0.5, of: 'slow' },
      }),
      { short: true },
    );
    expect(table.rows.map((row) => row[0])).toEqual(['fast', 'slow']);
    expect(Number.parseFloat(String(table.rows[0]![2]))).toBeLessThan(0.5);
    expect(table.notes).toContain('holds');
    expect(closed).toBe(1);
  });

  it('says when a target is missed', () => {
    expect(judge({ ratio: 1, of: 'peer' }, { kit: 3, peer: 2 })).toEqual([
      'Target: `kit` ≤ 1 × `peer`: 1.50 ×, missed.',
    ]);
  });

  it('measures what a server adds to a bare one', async () => {
    const table = await runServerBench(
      defineServerBench({
        package: 'x',
        title: 'x',
        bare: 'bare',
        baseline: 'busy',
        servers: {
          bare: new URL('./fixtures/bare-server.ts', import.meta.url),
          busy: new URL('./fixtures/busy-server.ts', import.meta.url),
        },
      }),
      { short: true },
    );
    const cpu = table.rows.map((row) => Number.parseFloat(String(row[1])));
    expect(cpu[1]).toBeGreaterThan(cpu[0]! + 500);
  });

  it('rewrites the section of one package and leaves the others', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'kit-bench-')), 'benchmarks.md');
    const table = (value: string) => ({ columns: ['case', 'ratio'], rows: [[value, 1]] });
    writeReport(file, [
      { package: 'b', title: 'B', table: table('old-b') },
      { package: 'a', title: 'A', table: table('old-a') },
    ]);
    writeReport(file, [{ package: 'b', title: 'B', table: table('new-b') }]);
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('old-a');
    expect(text).toContain('new-b');
    expect(text).not.toContain('old-b');
    expect(text.indexOf('@kit/a')).toBeLessThan(text.indexOf('@kit/b'));
  });

  it('aligns columns by characters, not by bytes', () => {
    expect(renderTable({ columns: ['time'], rows: [['1 µs'], ['10 ms']] })).toBe(
      ['| time  |', '| ----- |', '| 1 µs  |', '| 10 ms |'].join('\n'),
    );
  });
});
