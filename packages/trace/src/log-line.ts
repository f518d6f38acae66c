import { stdSerializers, type Logger } from 'pino';
import { getTrace } from './context.js';
import { identityBound, identityOf, isIdentityKey, kitMixin, loggerTrace, ownFields } from './log-fields.js';
import type { Inspection } from './masker.js';
import type { Trace } from './trace.js';

type Line = Record<string, unknown>;

/** @internal The pino options that put the trace on a line and take secrets off it. */
export function lineOptions(inspect: ((value: unknown) => Inspection) | undefined) {
  // pino calls the mixin and then, at once, the merge strategy: these two carry the trace from one to the other, so
  // that a line without fields costs no object and no copy.
  let lineTrace: Trace | undefined;
  let lineBound = false;

  const mixin = (_line: object, _level: number, logger: Logger): object => {
    const traced = logger as Logger & { [loggerTrace]?: Trace; [identityBound]?: boolean };
    lineTrace = traced[loggerTrace] ?? getTrace();
    lineBound = traced[identityBound] === true;
    return logger;
  };

  const mask = (line: object): Line => {
    if (inspect === undefined) return line as Line;
    const { value } = inspect(withPlainHttp(line as Line));
    return typeof value === 'object' && value !== null ? (value as Line) : { value };
  };

  const merge = (line: object): object => {
    const trace = lineTrace;
    const bound = lineBound;
    const masked = mask(line);
    if (trace === undefined) return masked;
    const fields = ownFields(trace);
    if (bound && fields === undefined && !posesAsIdentity(masked, trace)) return masked;
    const target: Line = bound ? {} : identityOf(trace);
    if (fields !== undefined) Object.assign(target, mask(fields));
    for (const key of Object.keys(masked)) {
      if (!isIdentityKey(key, trace)) target[key] = masked[key];
      // The same said again, for loggers that know no trace, needs no second place.
      else if (masked[key] !== trace[key as keyof Trace]) target[`_${key}`] = masked[key];
    }
    return target;
  };

  return {
    mixin: Object.assign(mixin, { [kitMixin]: true }),
    mixinMergeStrategy: merge,
    ...(inspect === undefined
      ? {}
      : { serializers: { err: same, msg: rememberLast((message) => inspect(message).value) } }),
  };
}

// A message is mostly a constant of the code, and often the one before: `request finished`.
function rememberLast(mask: (message: unknown) => unknown): (message: unknown) => unknown {
  let last: unknown;
  let masked: unknown;
  return (message) => {
    // A symbol has no JSON, and `"msg":undefined` would be no line.
    if (typeof message !== 'string') return typeof message === 'symbol' ? String(message) : mask(message);
    if (message !== last) {
      masked = mask(message);
      // What is long is text of somebody's, and would be kept for nothing.
      last = message.length <= 128 ? message : undefined;
    }
    return masked;
  };
}

const same = (value: unknown): unknown => value;

function posesAsIdentity(line: Line, trace: Trace): boolean {
  return (
    line.id !== undefined ||
    line.traceId !== undefined ||
    line.spanId !== undefined ||
    (line.requestId !== undefined && trace.requestId !== undefined) ||
    (line.clientRequestId !== undefined && trace.clientRequestId !== undefined)
  );
}

// A live request is a graph of sockets and parsers; what a reader wants of it is what pino's serializer takes.
function withPlainHttp(line: Line): Line {
  try {
    const { req, res } = line as {
      req?: { socket?: unknown; headers?: unknown };
      res?: { getHeaders?: unknown };
    };
    const isRequest = typeof req === 'object' && req?.socket !== undefined && req.headers !== undefined;
    const isResponse = typeof res === 'object' && typeof res?.getHeaders === 'function';
    if (!isRequest && !isResponse) return line;
    return {
      ...line,
      ...(isRequest ? { req: stdSerializers.req(req as never) } : {}),
      ...(isResponse ? { res: stdSerializers.res(res as never) } : {}),
    };
  } catch {
    // A getter that throws: the walker says so in its place.
    return line;
  }
}
