import type { Server } from 'node:http';
import { createDrain } from './drain.js';
import {
  longestTimerMs,
  requireDelay,
  requireFunction,
  requireMethod,
  requireObject,
  requireNumber,
  requireText,
  shown,
} from './rules.js';

/** A named piece of work that ends with the process. */
export type CloseHook = readonly [name: string, close: () => unknown];

/** Options of `gracefulShutdown`. */
export interface GracefulShutdownOptions {
  /** A `node:http` or `node:https` server: of Express, `app.server` of Fastify, `app.getHttpServer()` of Nest. */
  server: Server;
  /** Told first, so that readiness answers 503 while requests are still served. */
  health?: { beginShutdown(): void; close(): void };
  /** Milliseconds to go on serving until load balancers have seen the 503, >= 0. @default 5000 */
  readyDelayMs?: number;
  /** Milliseconds requests in flight may take after the server stopped listening, >= 0. @default 20000 */
  drainTimeoutMs?: number;
  /** Milliseconds after the signal at which the process exits with code 1 whatever is left, > 0. @default 25000 */
  forceAfterMs?: number;
  /** What to close once no request is in flight; the last one first. @default [] */
  onClose?: readonly CloseHook[];
  /** Milliseconds each hook may take, > 0. @default 5000 */
  hookTimeoutMs?: number;
  /** @default ['SIGTERM', 'SIGINT'] */
  signals?: readonly NodeJS.Signals[];
  /** Gets what went wrong on the way down. @default one line a failure on stderr */
  onError?: (error: unknown, step: string) => void;
  /** Ends the process. @default process.exit */
  exit?: (code: number) => void;
}

/** What `gracefulShutdown` returns. */
export interface GracefulShutdown {
  /** Begins as a signal would; the promise resolves with the exit code just before the exit. */
  shutdown(): Promise<number>;
  /** Takes the signal handlers away again, for tests. */
  close(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Takes a process down without a failed request: 503 on readiness, serve on for `readyDelayMs` while every response says
 * `Connection: close`, stop listening, wait for requests in flight, run the hooks in reverse order, exit 0.
 * A second signal, a drain that had to be cut, or `forceAfterMs` make it exit 1.
 *
 * @throws RangeError or TypeError for a wrong option
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { createHealth, gracefulShutdown } from '@kit/health';
 *
 * const server = createServer((_req, res) => res.end('hello'));
 * gracefulShutdown({ server, health: createHealth(), onClose: [['db', async () => {}]] });
 * ```
 */
export function gracefulShutdown(options: GracefulShutdownOptions): GracefulShutdown {
  const settings = readShutdownOptions(options);
  const { server, health, signals, exit, report } = settings;
  const drain = createDrain(server);
  let running: Promise<number> | undefined;
  let hasExited = false;

  const leave = (code: number) => {
    if (hasExited) return code;
    hasExited = true;
    close();
    exit(code);
    return code;
  };

  const goDown = async (): Promise<number> => {
    const forced = setTimeout(() => {
      report(
        new Error(`still not down ${settings.forceAfterMs} ms after the signal; forcing the exit`),
        'force',
      );
      leave(1);
    }, settings.forceAfterMs);
    guarded(() => health?.beginShutdown(), 'health');
    drain.sayGoodbye();
    // Not unref'd: with nothing else open, the process must live until the balancers know.
    await new Promise((resolve) => setTimeout(resolve, settings.readyDelayMs));
    const isClean = await drain.finish(settings.drainTimeoutMs);
    if (!isClean)
      report(new Error(`requests were cut off after ${settings.drainTimeoutMs} ms of drain`), 'drain');
    for (const hook of settings.onClose.toReversed()) {
      await runHook(hook, settings.hookTimeoutMs).catch((error: unknown) => report(error, hook[0]));
    }
    guarded(() => health?.close(), 'health');
    clearTimeout(forced);
    return leave(isClean ? 0 : 1);
  };

  const guarded = (step: () => void, name: string) => {
    try {
      step();
    } catch (error) {
      report(error, name);
    }
  };

  const shutdown = () => (running ??= goDown());
  const onSignal = () => {
    if (running) leave(1);
    else void shutdown();
  };
  const close = () => {
    for (const signal of signals) process.removeListener(signal, onSignal);
    drain.close();
  };
  for (const signal of signals) process.on(signal, onSignal);

  return { shutdown, close, [Symbol.asyncDispose]: async () => close() };
}

async function runHook([name, close]: CloseHook, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`hook "${name}" did not end within ${timeoutMs} ms; going on without it`)),
      timeoutMs,
    );
  });
  try {
    await Promise.race([(async () => close())(), late]);
  } finally {
    clearTimeout(timer);
  }
}

function readShutdownOptions(options: GracefulShutdownOptions) {
  requireObject('options', options);
  const { server, health, onClose = [], onError = writeToStderr, exit = exitProcess } = options;
  requireMethod('server', server, 'close');
  // HTTP/2 servers have sessions instead, which this does not know how to end.
  requireMethod('server', server, 'closeIdleConnections');
  if (health !== undefined) requireMethod('health', health, 'beginShutdown');
  requireFunction('onError', onError);
  requireFunction('exit', exit);
  if (!Array.isArray(onClose))
    throw new TypeError(`onClose must be an array of [name, function], got ${shown(onClose)}`);
  for (const hook of onClose as readonly CloseHook[]) {
    if (!Array.isArray(hook))
      throw new TypeError(`onClose must be an array of [name, function], got ${shown(hook)} in it`);
    requireText('onClose name', hook[0]);
    requireFunction(`onClose "${hook[0]}"`, hook[1]);
  }
  const duration = { min: 0, max: longestTimerMs };
  return {
    server,
    health,
    onClose: [...onClose] as readonly CloseHook[],
    exit,
    report: (error: unknown, step: string) => {
      try {
        onError(error, step);
      } catch {
        // A logger that fails must not stop the way down.
      }
    },
    signals: options.signals ?? (['SIGTERM', 'SIGINT'] as const),
    readyDelayMs: requireNumber('readyDelayMs', options.readyDelayMs ?? 5_000, duration),
    drainTimeoutMs: requireNumber('drainTimeoutMs', options.drainTimeoutMs ?? 20_000, duration),
    forceAfterMs: requireDelay('forceAfterMs', options.forceAfterMs ?? 25_000),
    hookTimeoutMs: requireDelay('hookTimeoutMs', options.hookTimeoutMs ?? 5_000),
  };
}

const exitProcess = (code: number) => process.exit(code);

function writeToStderr(error: unknown, step: string): void {
  process.stderr.write(
    `[kit-health] shutdown, ${step}: ${error instanceof Error ? error.message : String(error)}\n`,
  );
}
