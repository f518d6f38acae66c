import { Agent, get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { defineTableBench } from 'kit-tooling/bench';
import { runChild } from 'kit-tooling/process';
import { loadUntilNotReady } from '../test/load.ts';

const servers = {
  'kit on Express': 'kit-express',
  'kit on Fastify': 'kit-fastify',
  'kit on Nest': 'kit-nest',
  '@godaddy/terminus': 'godaddy-terminus',
  '@nestjs/terminus': 'nestjs-terminus',
  '@fastify/under-pressure': 'under-pressure',
  'bare server.close()': 'bare-close',
};

export default defineTableBench({
  package: 'health',
  title: '1,000 concurrent probes of one dependency, then SIGTERM under load',
  notes:
    'A ping takes 20 ms. Readiness is asked 1,000 times at once over 100 connections, five rounds: the most pings of a round, the median of the p99s ' +
    '(the one client process is a good part of it). Then sixty keep-alive clients, six of them with slow bodies, ' +
    'go on until 400 ms after readiness is no longer 200; each server but the bare one waits 2 s after the signal.',
  async run({ short }) {
    const rows: (string | number)[][] = [];
    for (const [name, file] of Object.entries(servers)) {
      const child = runChild(new URL(`./servers/${file}.ts`, import.meta.url));
      const port = Number(/port (\d+)/.exec(await child.waitFor(/port \d+/))![1]);
      const storm = await probeAtOnce(port, short ? 50 : 1_000);
      const load = await loadUntilNotReady(port, {
        signalAfter: short ? 500 : 15_000,
        signal: () => child.signal('SIGTERM'),
      });
      const exit = await Promise.race([
        child.exited.then(({ code, signal }) => `exit ${code ?? signal}`),
        delay(15_000, 'still running after 15 s'),
      ]);
      if (exit.startsWith('still')) child.signal('SIGKILL');
      rows.push([
        name,
        storm.pings,
        storm.p99.toFixed(0),
        load.done + load.failed.length,
        load.failed.length,
        exit,
      ]);
    }
    return { columns: ['', 'pings', 'probe p99 (ms)', 'requests', 'failed', 'then'], rows };
  },
});

async function probeAtOnce(port: number, probes: number): Promise<{ pings: number; p99: number }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 100 });
  const read = (path: string) =>
    new Promise<string>((resolve, reject) => {
      get({ port, host: '127.0.0.1', path, agent }, (res) => {
        let text = '';
        res.on('data', (chunk: Buffer) => (text += chunk.toString()));
        res.once('end', () => resolve(text));
      }).once('error', reject);
    });
  // Code is compiled and connections are open before it counts.
  for (let round = 0; round < 3; round += 1)
    await Promise.all(Array.from({ length: 100 }, () => read('/health/ready')));
  await delay(1_200);
  const pingsOf = async () => (JSON.parse(await read('/pings')) as { pings: number }).pings;
  const p99s: number[] = [];
  let pings = 0;
  for (let round = 0; round < 5; round += 1) {
    const before = await pingsOf();
    const times = await Promise.all(
      Array.from({ length: probes }, async () => {
        const startedAt = performance.now();
        await read('/health/ready');
        return performance.now() - startedAt;
      }),
    );
    pings = Math.max(pings, (await pingsOf()) - before);
    times.sort((x, y) => x - y);
    p99s.push(times[Math.floor(times.length * 0.99)]!);
    // Longer than kit shares a result: each round starts without one.
    await delay(1_200);
  }
  agent.destroy();
  return { pings, p99: p99s.sort((x, y) => x - y)[2]! };
}
