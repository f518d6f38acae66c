import { Agent, type ClientRequest, request, type RequestOptions } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

export interface LoadResult {
  done: number;
  uploads: number;
  failed: string[];
}

/**
 * Sixty clients on keep-alive connections, six of which send slow bodies; they stop 400 ms after readiness
 * says no, as those behind a load balancer do. Ends early when something is badly wrong.
 */
export async function loadUntilNotReady(
  port: number,
  options: { signalAfter: number; signal(): void; readyPath?: string },
): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: 80 });
  const result: LoadResult = { done: 0, uploads: 0, failed: [] };
  const phase = { isOver: false, isSignalled: false };

  const call = (what: RequestOptions, parts: string[] = []) =>
    new Promise<void>((resolve) => {
      const fail = (why: string) => {
        result.failed.push(`${what.method} ${what.path}: ${why}`);
        if (result.failed.length > 500) phase.isOver = true;
        resolve();
      };
      const req = request({ port, host: '127.0.0.1', agent, ...what }, (res) => {
        let text = '';
        res.on('data', (chunk: Buffer) => (text += chunk.toString()));
        res.once('error', (error) => fail(error.message));
        res.once('end', () => {
          const expected = parts.length > 0 ? `{"bytes":${parts.join('').length}}` : '{"ok":true}';
          if (text !== expected) fail(`${res.statusCode} ${text}`);
          else result.done += 1;
          resolve();
        });
      });
      req.once('error', (error) => fail(error.message));
      void send(req, parts);
    });

  const client = async (index: number) => {
    while (!phase.isOver) {
      if (index < 6) {
        result.uploads += 1;
        await call(upload, ['a'.repeat(1_000), 'b'.repeat(1_000), 'c']);
      } else await call({ method: 'GET', path: '/work' });
      if (!phase.isSignalled && result.done >= options.signalAfter) {
        phase.isSignalled = true;
        options.signal();
      }
    }
  };
  const balancer = async () => {
    while (!phase.isOver) {
      const answer = await fetch(`http://127.0.0.1:${port}${options.readyPath ?? '/health/ready'}`).catch(
        () => undefined,
      );
      await answer?.arrayBuffer();
      if (answer?.status !== 200) {
        await delay(400);
        phase.isOver = true;
      }
      await delay(50);
    }
  };
  await Promise.all([balancer(), ...Array.from({ length: 60 }, (_, index) => client(index))]);
  agent.destroy();
  return result;
}

const upload = {
  method: 'POST',
  path: '/upload',
  headers: { 'content-type': 'application/octet-stream', 'transfer-encoding': 'chunked' },
};

async function send(req: ClientRequest, parts: string[]): Promise<void> {
  for (const part of parts) {
    req.write(part);
    await delay(100);
  }
  req.end();
}
