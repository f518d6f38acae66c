import { EventEmitter, once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import pg from 'pg';
import { startPostgres, type TestServer } from 'kit-tooling/servers';
import { startExpress } from 'kit-tooling/apps';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bindEmitter, bindTrace, getTraceId, runWithTrace } from '../src/index.js';
import { traceMiddleware } from '../src/express.js';

// Each shows the loss first: where a new Node keeps the context, the test says so and the guide can change.

describe('the pool callback of pg', () => {
  let postgres: TestServer;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(async () => {
    await Promise.all(ended);
    await postgres.stop();
  });

  const ended: Promise<unknown>[] = [];
  function poolOfOne(): pg.Pool {
    const pool = new pg.Pool({ connectionString: postgres.url, max: 1 });
    // `pool.end()` does not wait for the sockets, and the server must not stop before them.
    pool.on('connect', (client) => ended.push(once(client, 'end')));
    return pool;
  }

  /** The trace a waiting callback runs in, and those of the one who waits and the one who releases. */
  async function connectWhileBusy(bind: <F extends (...args: never[]) => unknown>(fn: F) => F) {
    const pool = poolOfOne();
    const first = await pool.connect();
    let waiter: string | undefined;
    const seen = new Promise<string | undefined>((resolve) => {
      runWithTrace({}, () => {
        waiter = getTraceId();
        pool.connect(
          bind((_error: unknown, _client: unknown, release: () => void) => {
            resolve(getTraceId());
            release();
          }),
        );
      });
    });
    const releaser = runWithTrace({}, () => {
      first.release();
      return getTraceId();
    });
    const result = { seen: await seen, waiter, releaser };
    await pool.end();
    return result;
  }

  it('runs in the trace of whoever releases the connection', async () => {
    const { seen, waiter, releaser } = await connectWhileBusy((fn) => fn);
    expect(seen).toBe(releaser);
    expect(seen).not.toBe(waiter);
  });

  it('keeps its trace when it is bound', async () => {
    const { seen, waiter } = await connectWhileBusy(bindTrace);
    expect(seen).toBe(waiter);
  });

  it('has a promise form that keeps it unbound', async () => {
    const pool = poolOfOne();
    const first = await pool.connect();
    const kept = runWithTrace({}, async () => {
      const id = getTraceId();
      const client = await pool.connect();
      client.release();
      return getTraceId() === id;
    });
    runWithTrace({}, () => first.release());
    await expect(kept).resolves.toBe(true);
    await pool.end();
  });
});

describe('listeners', () => {
  it('of an emitter run in the trace of whoever emits, bound ones in their own', () => {
    const emitter = new EventEmitter();
    const patched = bindEmitter(new EventEmitter());
    const seen: (string | undefined)[] = [];
    const look = () => void seen.push(getTraceId());
    const own = runWithTrace({}, () => {
      emitter.on('x', look).on('x', bindTrace(look));
      patched.on('x', look);
      return getTraceId();
    });
    const emits = runWithTrace({}, () => {
      emitter.emit('x');
      patched.emit('x');
      return getTraceId();
    });
    expect(seen).toEqual([emits, own, own]);
  });

  it('of an AbortSignal run in the trace of whoever aborts, bound ones in their own', () => {
    const controller = new AbortController();
    const seen: (string | undefined)[] = [];
    const look = () => void seen.push(getTraceId());
    const own = runWithTrace({}, () => {
      controller.signal.addEventListener('abort', look);
      controller.signal.addEventListener('abort', bindTrace(look));
      return getTraceId();
    });
    const aborts = runWithTrace({}, () => {
      controller.abort();
      return getTraceId();
    });
    expect(seen).toEqual([aborts, own]);
  });

  it('of a MessagePort keep their trace when bound', async () => {
    const { port1, port2 } = new MessageChannel();
    const { own, seen } = runWithTrace({}, () => ({
      own: getTraceId(),
      seen: new Promise((resolve) => {
        port1.on(
          'message',
          bindTrace(() => resolve(getTraceId())),
        );
      }),
    }));
    runWithTrace({}, () => port2.postMessage(1));
    await expect(seen).resolves.toBe(own);
    port1.close();
  });

  it('of a response’s finish keep their trace when bound', async () => {
    const seen = new EventEmitter();
    const ended = once(seen, 'finish');
    const app = await startExpress((app) => {
      app.use(traceMiddleware({ ignore: [() => true] }));
      app.get('/', (_req, res) => {
        const look = bindTrace(() => void seen.emit('finish', getTraceId()));
        res.on('finish', look).end();
      });
    });
    const { headers } = await fetch(app.url);
    expect((await ended)[0]).toBe(headers.get('x-trace-id'));
    await app.close();
  });
});
