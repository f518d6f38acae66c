import { levels, pino, type Bindings, type Logger } from 'pino';
import { optionsObject, show } from './check.js';
import { createConsole, type ConsoleMode } from './console.js';
import { createLogFile, type LogFile, type LogFileOptions } from './log-file.js';
import { lineOptions } from './log-line.js';
import { createInspector, type MaskerOptions } from './masker.js';
import { allowPlainLines } from './plain-line.js';
import { processState } from './process-state.js';

export interface LoggerOptions {
  /**
   * The least level that is written: trace, debug, info, warn, error, fatal or silent.
   * @default 'info'
   */
  level?: string;
  /**
   * Standard output: JSON lines, readable lines, nothing; `auto` is readable on a terminal outside of production.
   * @default 'auto'
   */
  console?: ConsoleMode;
  /** A log file that rotates; none by default. */
  file?: LogFileOptions;
  /**
   * The masking of every line; false switches it off.
   * @default true
   */
  mask?: boolean | MaskerOptions;
  /**
   * Fields of every line; null for none.
   * @default { pid, hostname }
   */
  base?: Bindings | null;
}

/** A pino logger whose lines carry the trace and no secrets. */
export interface TraceLogger extends Logger {
  /** Resolves when everything logged so far is on disk. */
  flush(callback?: (error?: Error) => void): Promise<void>;
  /** Flushes and closes the log file; lines after that go to the console only. */
  close(): Promise<void>;
  /** Lines the log file could not take: disk full, folder read-only. */
  readonly lostLines: number;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Creates a pino logger and makes it the root that `getLogger` returns.
 *
 * @throws RangeError or TypeError that names the wrong option.
 * @example
 * ```ts
 * import { createLogger } from '@kit/trace';
 *
 * const logger = createLogger({ level: 'debug', file: { path: 'logs/app.log' } });
 * logger.info({ user: 'ann', password: 'never written' }, 'started');
 * await logger.flush();
 * ```
 */
export function createLogger(options: LoggerOptions = {}): TraceLogger {
  optionsObject('options', options);
  const { level = 'info', mask = true, base } = options;
  if (level !== 'silent' && !Object.hasOwn(levels.values, level))
    throw new RangeError(`level must be a pino level or silent, got ${show(level)}`);
  if (typeof mask !== 'boolean' && (typeof mask !== 'object' || mask === null))
    throw new TypeError(`mask must be a boolean or masker options, got ${show(mask)}`);
  if (base !== undefined && typeof base !== 'object')
    throw new TypeError(`base must be an object or null, got ${show(base)}`);
  const inspect = mask === false ? undefined : createInspector(mask === true ? {} : mask);
  const terminal = createConsole(options.console ?? 'auto');
  const file = options.file === undefined ? undefined : createLogFile(options.file);

  const line = lineOptions(inspect);
  const stream = { write: writer(terminal, file) };
  const logger = pino({ level, ...(base === undefined ? {} : { base }), ...line }, stream);
  allowPlainLines(logger, { mixin: line.mixin, stream }, inspect);
  if (inspect !== undefined) maskBindings(logger, (bindings) => inspect(bindings).value as Bindings);
  const root = withFile(logger, file);
  processState.rootLogger = root;
  return root;
}

function writer(terminal: ReturnType<typeof createConsole>, file: LogFile | undefined) {
  if (file === undefined) return terminal ?? (() => {});
  if (terminal === undefined) return file.write;
  return (line: string) => {
    // The file first: it is what must not be lost.
    file.write(line);
    terminal(line);
  };
}

// Bindings become text when a child is made, before any hook of a line could see them.
function maskBindings(logger: Logger, mask: (bindings: Bindings) => Bindings): void {
  const plain = Object.getPrototypeOf(logger) as Logger;
  logger.child = function (this: Logger, bindings: Bindings, options?: object) {
    return plain.child.call(this, bindings && mask(bindings), options as never);
  } as Logger['child'];
  logger.setBindings = function (this: Logger, bindings: Bindings) {
    plain.setBindings.call(this, mask(bindings));
  };
}

function withFile(logger: Logger, file: LogFile | undefined): TraceLogger {
  const flush = async (callback?: (error?: Error) => void) => {
    await file?.flush();
    callback?.();
  };
  const close = async () => file?.close();
  Object.defineProperty(logger, 'lostLines', { get: () => file?.lostLines ?? 0 });
  return Object.assign(logger, { flush, close, [Symbol.asyncDispose]: close }) as unknown as TraceLogger;
}
