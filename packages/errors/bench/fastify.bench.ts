import { once } from 'node:events';
import { defineTableBench, median } from 'kit-tooling/bench';
import { runChild, type RunningChild } from 'kit-tooling/process';
import { Pool } from 'undici';

const target = 1.15;
const connections = 20;

/** `defineServerBench` takes answers outside 2xx for failures, and here every answer is one. */
export default defineTableBench({
  package: 'errors',
  title: "Fastify: CPU per failed request, against Fastify's own error handler",
  async run({ short }) {
    const servers = await Promise.all([start('default'), start('kit')]);
    const rounds = short ? 1 : 9;
    const requests = short ? 100 : 6_000;
    try {
      for (const server of servers) await load(server, requests);
      for (let round = 0; round < rounds; round += 1) {
        for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
          const before = await cpuOf(server);
          await load(server, requests);
          server.cpu.push(((await cpuOf(server)) - before) / requests);
        }
      }
    } finally {
      await Promise.all(servers.map((server) => stop(server)));
    }
    const [base, kit] = servers.map(({ cpu }) => median(cpu)) as [number, number];
    const verdict = kit / base <= target ? 'met' : 'missed';
    return {
      columns: ['handler', 'CPU per request', 'ratio'],
      rows: [
        ["Fastify's own", `${base.toFixed(1)} µs`, '1.00 ×'],
        ['errorsPlugin', `${kit.toFixed(1)} µs`, `${(kit / base).toFixed(2)} ×`],
      ],
      notes: `A handler throws a plain Error; no logger. Target at most ${target} ×: ${verdict}.`,
    };
  },
});

interface BenchServer {
  child: RunningChild;
  pool: Pool;
  cpu: number[];
}

async function start(name: string): Promise<BenchServer> {
  const file = new URL(`./servers/fastify-${name}.ts`, import.meta.url);
  const child = runChild(file, { ipc: true, env: { NODE_ENV: 'production' } });
  const [{ port }] = (await once(child.process, 'message')) as [{ port: number }];
  return { child, pool: new Pool(`http://127.0.0.1:${port}`, { connections }), cpu: [] };
}

async function stop({ child, pool }: BenchServer): Promise<void> {
  await pool.destroy();
  child.signal('SIGKILL');
  await child.exited;
}

async function load({ pool }: BenchServer, requests: number): Promise<void> {
  let left = requests;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      const { statusCode, body } = await pool.request({ path: '/orders/42', method: 'GET' });
      await body.dump();
      if (statusCode !== 500) throw new Error(`expected 500, got ${statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
}

async function cpuOf({ child }: BenchServer): Promise<number> {
  const answer = once(child.process, 'message');
  child.process.send?.('cpu');
  const [{ cpuMicroseconds }] = (await answer) as [{ cpuMicroseconds: number }];
  return cpuMicroseconds;
}
