import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCallBench } from '../src/bench/calls.ts';
import { defineBench, defineServerBench } from '../src/bench/define.ts';
import { renderTable, writeReport } from '../src/bench/report.ts';
import { openLoad } from '../src/bench/load.ts';
import { serverTable } from '../src/bench/server-table.ts';
import { runServerBench } from '../src/bench/servers.ts';
import { judge, median, quartiles } from '../src/bench/statistics.ts';

const spin = (loops: number) => () => {
  let sum = 0;
  for (let index = 0; index < loops; index += 1) sum += Math.sqrt(index);
  return sum;
};

async function listen(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

describe('the bench harness', () => {
  it('takes the middle of an odd and the mean of the two middles of an even number of rounds', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([9, 1, 5, 7])).toBe(6);
  });

  it('takes quartiles between the values they fall between', () => {
    expect(quartiles([5, 1, 3, 2, 4])).toEqual([2, 4]);
    expect(quartiles([1, 2])).toEqual([1.25, 1.75]);
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
    expect(table.rows.map((row) => row[0])).toEqual(['bare', 'busy', 'bare, once more']);
    expect(cpu[2]).toBeLessThan(cpu[1]!);
  });

  it('compares within a round and a start, so that a slow spell of the machine does not count', () => {
    const bench = defineServerBench({
      package: 'x',
      title: 'x',
      bare: 'bare',
      baseline: 'peer',
      servers: {},
      target: { ratio: 0.5, of: 'peer' },
    });
    const cpu = [
      { bare: [10, 100], kit: [12, 102], peer: [14, 104] },
      { bare: [50, 20], kit: [53, 23], peer: [56, 26] },
    ];
    const table = serverTable(bench, ['bare', 'kit', 'peer'], { cpu, busy: [1, 0.9] });
    expect(table.rows).toEqual([
      ['bare', '35.0 µs', '–', '–'],
      ['kit', '38.0 µs', '2.5 µs (2.0–3.0)', '0.50 × (0.50–0.50)'],
      ['peer', '41.0 µs', '5.0 µs (4.0–6.0)', '1.00 ×'],
    ]);
    expect(table.notes).toContain('0.50 ×, holds');
    expect(table.notes).toContain('busy 95 %');
  });

  it('compares all that the servers use where none of them is bare', () => {
    const bench = defineServerBench({ package: 'x', title: 'x', baseline: 'own', servers: {} });
    const cpu = [{ own: [10, 20], kit: [12, 24] }];
    expect(serverTable(bench, ['own', 'kit'], { cpu, busy: [1] }).rows).toEqual([
      ['own', '15.0 µs', '1.00 ×'],
      ['kit', '18.0 µs', '1.20 × (1.20–1.20)'],
    ]);
  });

  it('drives a server with the number of requests it is told, and reads answers that come in pieces', async () => {
    let requests = 0;
    const server = createServer((_request, response) => {
      requests += 1;
      response.writeHead(200, { 'content-length': 4 }).write('ab');
      setImmediate(() => response.end('cd'));
    });
    const port = await listen(server);
    const client = await openLoad({ port, path: '/', status: 200, connections: 7 });
    await client.run(50);
    await client.run(3);
    client.close();
    server.close();
    expect(requests).toBe(53);
  });

  it('refuses an answer of another status, so that no broken server is measured', async () => {
    const server = createServer((_request, response) => response.writeHead(500).end());
    const port = await listen(server);
    const client = await openLoad({ port, path: '/', status: 200, connections: 2 });
    await expect(client.run(10)).rejects.toThrow(/expected one answer HTTP\/1.1 200, got HTTP\/1.1 500/);
    client.close();
    server.close();
  });

  it('rewrites the tables that were measured and leaves the others', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'kit-bench-')), 'benchmarks.md');
    const table = (value: string) => ({ columns: ['case', 'ratio'], rows: [[value, 1]] });
    writeReport(file, [
      { package: 'b', title: 'B', table: table('old-b') },
      { package: 'b', title: 'B, not measured again', table: table('kept-b') },
      { package: 'a', title: 'A', table: table('old-a') },
    ]);
    writeReport(file, [{ package: 'b', title: 'B', table: table('new-b') }]);
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('old-a');
    expect(text).toContain('new-b');
    expect(text).not.toContain('old-b');
    expect(text).toContain('kept-b');
    expect(text.match(/^### /gm)).toHaveLength(3);
    expect(text.indexOf('@kit/a')).toBeLessThan(text.indexOf('@kit/b'));
  });

  it('aligns columns by characters, not by bytes', () => {
    expect(renderTable({ columns: ['time'], rows: [['1 µs'], ['10 ms']] })).toBe(
      ['| time  |', '| ----- |', '| 1 µs  |', '| 10 ms |'].join('\n'),
    );
  });
});
