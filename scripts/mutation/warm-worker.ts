import { subscribe } from 'node:diagnostics_channel';
import type { Worker } from 'node:worker_threads';
import { createVitest, type Vitest } from 'vitest/node';
import { type Message, openChannel, type Reply, type Request } from './protocol.ts';

/** A worker that says nothing for so long runs in a loop without end. */
const longestSilenceMs = 8_000;
const longestCloseMs = 10_000;

/** One worker thread of vitest that has loaded all test files and runs those it is asked for. */
export class WarmWorker {
  #vitest: Vitest | undefined;
  #run: Promise<unknown> | undefined;
  #thread: Worker | undefined;
  #channel: ReturnType<typeof openChannel> | undefined;
  #waiting = new Map<number, (reply: Reply) => void>();
  #lastId = 0;
  #heardAt = 0;

  constructor() {
    subscribe('worker_threads', (message) => {
      this.#thread = (message as { worker: Worker }).worker;
    });
  }

  async start(): Promise<void> {
    process.env.NODE_ENV = 'test';
    this.#vitest ??= await createVitest('test', {
      config: 'scripts/mutation/vitest.config.ts',
      watch: false,
      reporters: [{}],
      onConsoleLog: () => false,
    });
    const isUp = new Promise<unknown>((resolve) => this.#waiting.set(0, resolve));
    this.#channel = openChannel((message) => this.#hear(message));
    this.#vitest.state.filesMap.clear();
    this.#run = this.#vitest.start();
    await Promise.race([
      isUp,
      this.#run.then(() => {
        const errors = this.#vitest!.state.getFiles().flatMap((file) => file.result?.errors ?? []);
        throw new Error(`the tests could not be loaded: ${errors.map((error) => error.message).join('\n')}`);
      }),
    ]);
  }

  /** Resolves with undefined when no answer will come. */
  ask(request: DistributedOmit<Request, 'id'>, limitMs = Infinity): Promise<Reply | undefined> {
    this.#lastId += 1;
    const id = this.#lastId;
    const askedAt = Date.now();
    return new Promise((resolve) => {
      const settle = (reply?: Reply) => {
        clearInterval(watch);
        this.#waiting.delete(id);
        resolve(reply);
      };
      const watch = setInterval(() => {
        const now = Date.now();
        if (now - Math.max(this.#heardAt, askedAt) > longestSilenceMs || now - askedAt > limitMs) settle();
      }, 500);
      this.#waiting.set(id, settle);
      this.#channel!.send({ ...request, id });
    });
  }

  /** Lets the worker end what its tests began; one that does not answer is ended from outside. */
  async stop(): Promise<void> {
    if (!this.#run) return;
    const isClosed = await this.ask({ do: 'close' }, longestCloseMs);
    if (!isClosed) await this.#thread?.terminate();
    await this.#run.catch(() => {});
    this.#channel?.close();
    this.#run = undefined;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#vitest?.close();
  }

  #hear(message: Message): void {
    this.#heardAt = Date.now();
    if ('outcomes' in message) this.#waiting.get(message.id)?.(message);
  }
}

type DistributedOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
