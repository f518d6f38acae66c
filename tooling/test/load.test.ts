import { once } from 'node:events';
import { createServer } from 'node:http';
import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { drive } from '../src/load/drive.ts';
import { runChild } from '../src/process.ts';

const main = new URL('../src/load/main.ts', import.meta.url);

describe('npm run load', () => {
  it('starts a platform, drives it, and prints a table that states targets and machine', async () => {
    const child = runChild(main, {
      args: ['--duration', '1', '--rate', '5', '--warmup', '0'],
      env: { PAYMENT_PORT: '1', USER_PORT: '1' },
    });
    // 1 where a loaded machine misses a target.
    expect([0, 1]).toContain((await child.exited).code);
    const lines = child.stdout.trim().split('\n');
    const cellsOf = (line: string) => line.split('|').map((cell) => cell.trim());
    expect(cellsOf(lines[0]!)).toEqual(
      expect.arrayContaining(['p50', 'p95', 'p99', 'errors', 'CPU', 'memory', 'load CPU', 'targets']),
    );
    const rows = lines.slice(2, 12).map(cellsOf);
    const routes = [
      'POST /v1/payments',
      'GET /v1/payments/:id',
      'POST /auth/login',
      'GET /auth/me',
      'POST /phone/validate',
    ];
    expect(rows.map(([, name]) => name)).toEqual([...routes, ...routes.map((route) => `mixed: ${route}`)]);
    for (const row of rows) {
      expect(row[6]).toBe('0.00 %');
      expect(row[8]).toMatch(/^\d+\.\d ms$/);
      expect(row[9]).toMatch(/^\d+ MiB$/);
      expect(row[12]).toMatch(/^(met|missed): /);
    }
    expect(child.stdout).toContain(`${availableParallelism()} × `);
    expect(child.stdout).toContain('node dist/main.js');
  }, 600_000);

  it('refuses what is no sensible number, by name', async () => {
    const wrong = { '--rate': '0', '--duration': '1e9', '--connections': 'many', '--warmup': '-1' };
    await Promise.all(
      Object.entries(wrong).map(async ([option, value]) => {
        const child = runChild(main, { args: [`${option}=${value}`] });
        expect((await child.exited).code).toBe(2);
        expect(child.stderr).toContain(`${option} must be a whole number from`);
        expect(child.stderr).toContain(`got ${value}`);
      }),
    );
  });
});

describe('the load', () => {
  it('is spread over the second, not sent at its beginning', async () => {
    const arrivals: number[] = [];
    const server = createServer((_request, response) => {
      arrivals.push(performance.now());
      response.end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const { latencies, failed } = await drive({
      url: `http://127.0.0.1:${port}`,
      method: 'GET',
      path: () => '/',
      rate: 20,
      connections: 20,
      duration: 3,
    });
    server.close();
    expect(failed).toBe(0);
    expect(latencies.length).toBeGreaterThanOrEqual(20);
    const tenths = new Set(arrivals.map((at) => Math.floor((at - arrivals[0]!) / 100) % 10));
    expect(tenths.size).toBeGreaterThan(5);
  });
});
