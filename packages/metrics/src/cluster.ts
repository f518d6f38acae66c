import cluster, { type Worker } from 'node:cluster';
import { aggregate, keepSums } from './aggregate.js';
import type { ForeignFamily } from './client.js';
import { foreignLines, type Format } from './exposition.js';
import { createHandler, type HandlerOptions, type MetricsHandler } from './handler.js';
import { show } from './labels.js';
import { checkWhole } from './options.js';
import { writePage } from './page.js';
import { processSources } from './process-sources.js';
import { snapshot } from './scrape.js';

/** What `clusterMetrics` takes. */
export interface ClusterMetricsOptions {
  /** Milliseconds a worker has to answer before the page goes out without it. @default 1000 */
  workerTimeoutMs?: number | undefined;
}

/** One page for a primary and all its workers. */
export interface ClusterMetrics {
  /** Serves the page of all processes; call it in the primary. */
  handler(options?: HandlerOptions): MetricsHandler;
  /** The page as text 0.0.4. */
  metrics(): Promise<string>;
  close(): void;
}

const ASK = 'kit:metrics:ask';
const ANSWER = 'kit:metrics:answer';

interface Message {
  type?: unknown;
  id?: unknown;
  families?: ForeignFamily[];
}

/**
 * Adds up the metrics of all processes of `node:cluster`. Call it in the primary and in every worker, after
 * `createMetrics`. What workers that ended had counted is kept as of the last page, so that sums never fall.
 * @example
 * import cluster from 'node:cluster';
 * import { createServer } from 'node:http';
 * import { clusterMetrics } from '@kit/metrics';
 * const all = clusterMetrics();
 * if (cluster.isPrimary) createServer(all.handler()).listen(9100);
 */
export function clusterMetrics(options: ClusterMetricsOptions = {}): ClusterMetrics {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`options must be an object, got ${show(options)}`);
  }
  const timeoutMs = checkWhole('workerTimeoutMs', options.workerTimeoutMs ?? 1_000, 1, 60_000);
  const workers = cluster.isWorker ? answerPrimary(timeoutMs) : askWorkers(timeoutMs);

  const page = async (format: Format) => {
    const families = aggregate([await ownFamilies(timeoutMs), ...(await workers.families())]);
    return writePage(format, lines(families, format));
  };
  return {
    handler: (handlerOptions) =>
      createHandler({ now: Date.now, warn: (text) => process.emitWarning(text), page }, handlerOptions),
    async metrics() {
      return Buffer.concat((await page('text')).pieces).toString();
    },
    close: () => workers.close(),
  };
}

interface Workers {
  families(): Promise<ForeignFamily[][]>;
  close(): void;
}

/** In a worker: answers, with everything this process has. */
function answerPrimary(timeoutMs: number): Workers {
  const onMessage = (message: Message | null) => {
    if (message?.type !== ASK) return;
    void ownFamilies(timeoutMs)
      .then((families) => {
        if (process.connected) process.send!({ type: ANSWER, id: message.id, families }, () => {});
      })
      .catch(() => {});
  };
  process.on('message', onMessage);
  return { families: async () => [], close: () => void process.off('message', onMessage) };
}

/** In the primary: asks every worker and remembers what those that ended had counted. */
function askWorkers(timeoutMs: number): Workers {
  let nextId = 0;
  let retired: ForeignFamily[] = [];
  const lastOf = new Map<number, ForeignFamily[]>();
  const waiting = new Map<Worker, Map<unknown, () => void>>();

  const onMessage = (worker: Worker, message: Message | null) => {
    if (message?.type !== ANSWER || !Array.isArray(message.families) || worker.isDead()) return;
    lastOf.set(worker.id, message.families);
    waiting.get(worker)?.get(message.id)?.();
  };
  const onExit = (worker: Worker) => {
    const last = lastOf.get(worker.id);
    lastOf.delete(worker.id);
    if (last) retired = aggregate([retired, keepSums(last)]);
    for (const settle of waiting.get(worker)?.values() ?? []) settle();
    waiting.delete(worker);
  };
  cluster.on('message', onMessage);
  cluster.on('exit', onExit);

  /** Resolves when the worker has answered, is gone, or takes too long. */
  const ask = async (worker: Worker): Promise<void> => {
    const id = (nextId += 1);
    const pending = waiting.get(worker) ?? new Map<unknown, () => void>();
    waiting.set(worker, pending);
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      pending.set(id, resolve);
      timer = setTimeout(resolve, timeoutMs).unref();
      // Without a callback Node emits an `error` that nobody listens to when the worker has just been killed.
      worker.send({ type: ASK, id }, (error) => error && resolve());
    });
    clearTimeout(timer);
    pending.delete(id);
  };

  return {
    async families() {
      const alive = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected() === true);
      await Promise.all(alive.map((worker) => ask(worker!)));
      // Read at the end: one that answered and then ended is among the retired. One that is busy counts with what it said last.
      return [retired, ...lastOf.values()];
    },
    close() {
      cluster.off('message', onMessage);
      cluster.off('exit', onExit);
    },
  };
}

async function ownFamilies(timeoutMs: number): Promise<ForeignFamily[]> {
  // Two createMetrics on one registry are one source: both see the same series.
  const byRegistry = new Map(processSources().map((source) => [source.registry, source]));
  const all = await Promise.all([...byRegistry.values()].map((source) => snapshot(source, timeoutMs)));
  return all.flat();
}

function* lines(families: readonly ForeignFamily[], format: Format) {
  for (const family of families) yield* foreignLines(family, format, {});
}
