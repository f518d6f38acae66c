import { tracingChannel } from 'node:diagnostics_channel';
import { symbols, type Logger } from 'pino';
import { identityText, ownFields } from './log-fields.js';
import type { Inspection } from './masker.js';
import { processState } from './process-state.js';
import type { Trace } from './trace.js';

/** @internal What the request log says of a request. */
export interface RequestLine {
  method: string | undefined;
  path: string;
  route?: string | undefined;
  status?: number | undefined;
  durationMs?: number;
  bytes?: number;
  userId?: unknown;
  slow?: true;
}

/** @internal */
export type RequestLineLevel = 'debug' | 'info' | 'warn' | 'error';

/** What it takes to write past pino: there for loggers that are as `createLogger` made them. */
interface PlainLogger {
  /** pino's own methods of the levels that are written. */
  readonly methods: Partial<Record<RequestLineLevel, unknown>>;
  readonly write: (line: string) => void;
  /** A text as JSON, masked. */
  readonly show: (text: string) => string;
  /** The same for one that comes again and again: a method, a route. */
  readonly showName: (name: string) => string;
}

const plainLoggers = new WeakMap<Logger, PlainLogger>();
const levelNumbers: Record<RequestLineLevel, number> = { debug: 20, info: 30, warn: 40, error: 50 };

/**
 * @internal Lets `writePlainLine` write for a logger, unless its masker hides one of the keys or pino was given something
 * else than what we gave: tools that observe a process wrap both.
 */
export function allowPlainLines(
  logger: Logger,
  given: { mixin: unknown; stream: { write: (line: string) => void } },
  inspect: ((value: unknown) => Inspection) | undefined,
): void {
  if (internalOf(logger, 'mixinSym') !== given.mixin || internalOf(logger, 'streamSym') !== given.stream)
    return;
  if (inspect !== undefined && inspect(everyKey).hits > 0) return;
  const methods: PlainLogger['methods'] = {};
  for (const level of Object.keys(levelNumbers) as RequestLineLevel[])
    if (logger.isLevelEnabled(level)) methods[level] = logger[level];
  const show = (text: string) => quote(inspect === undefined ? text : (inspect(text).value as string));
  plainLoggers.set(logger, { methods, write: given.stream.write, show, showName: remember(show) });
}

const everyKey: Required<RequestLine> = {
  method: 'GET',
  path: '/',
  route: '/',
  status: 200,
  durationMs: 1,
  bytes: 1,
  userId: 'u',
  slow: true,
};

/**
 * @internal What pino makes of a line of the request log, at a fraction of the cost: there are two of them for every request,
 * and their keys are known. False where only pino can say what the line looks like.
 */
export function writePlainLine(
  logger: Logger,
  level: RequestLineLevel,
  trace: Trace,
  line: RequestLine,
  message: string,
): boolean {
  const plain = plainLoggers.get(logger);
  // Another method than pino's first one: the level was changed, or somebody looks at what is logged.
  if (plain === undefined || logger[level] !== plain.methods[level]) return false;
  if (line.userId !== undefined && typeof line.userId !== 'string') return false;
  if (ownFields(trace) !== undefined || processState.activeSpan !== undefined || pinoTells.hasSubscribers)
    return false;
  const bindings = (internalOf(logger, 'chindingsSym') as string) + identityText(trace);
  plain.write(
    `{"level":${levelNumbers[level]},"time":${Date.now()}${bindings}${textOf(line, plain)},"msg":"${message}"}\n`,
  );
  return true;
}

// Where pino announces every line it writes.
const pinoTells = tracingChannel('pino_asJson');

function textOf(line: RequestLine, { show, showName }: PlainLogger): string {
  const { method, path, route, status, durationMs, bytes, userId, slow } = line;
  let text = method === undefined ? '' : `,"method":${showName(method)}`;
  text += `,"path":${show(path)}`;
  if (route !== undefined) text += `,"route":${showName(route)}`;
  if (status !== undefined) text += `,"status":${status}`;
  if (durationMs !== undefined) text += `,"durationMs":${durationMs},"bytes":${bytes}`;
  if (typeof userId === 'string') text += `,"userId":${show(userId)}`;
  return slow === undefined ? text : `${text},"slow":true`;
}

function quote(text: string): string {
  return needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`;
}

// eslint-disable-next-line no-control-regex
const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/;

// Express has a mount's parameters in its routes, so there may be any number of them.
const maxNames = 1000;

function remember(show: (name: string) => string): (name: string) => string {
  const known = new Map<string, string>();
  return (name) => {
    let text = known.get(name);
    if (text === undefined) {
      if (known.size >= maxNames) known.clear();
      known.set(name, (text = show(name)));
    }
    return text;
  };
}

function internalOf(logger: Logger, symbol: keyof typeof symbols): unknown {
  return (logger as unknown as Record<symbol, unknown>)[symbols[symbol]];
}
