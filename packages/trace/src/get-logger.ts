import { symbols, type Bindings, type Logger } from 'pino';
import { tracePort } from './port.js';
import { identityBound, identityOf, kitMixin, loggerTrace } from './log-fields.js';
import { createLogger } from './logger.js';
import { processState } from './process-state.js';
import { loggersOf, type Trace } from './trace.js';

interface CachedLogger {
  root: Logger;
  logger: Logger;
}

const namedChildren = new WeakMap<Logger, Map<string, Logger>>();

/**
 * The logger of the current trace, or the root logger outside of one: the last `createLogger`, else one with defaults.
 * With a name its lines carry `name`. Within a trace it is made once and kept with the trace.
 *
 * @example
 * ```ts
 * import { getLogger } from '@kit/trace';
 *
 * getLogger('payments').info({ orderId: 'o-1' }, 'charged');
 * ```
 */
export function getLogger(name?: string): Logger {
  const trace = tracePort.getTrace();
  const root = getRootLogger();
  return trace === undefined ? namedChild(root, name) : tracedLogger(root, trace, name);
}

/** @internal */
export function getRootLogger(): Logger {
  return processState.rootLogger ?? createLogger();
}

/** @internal The child of any pino logger that carries a trace, wherever it is used; one a trace and name. */
export function tracedLogger(root: Logger, trace: Trace, name = ''): Logger {
  const cache = loggersOf(trace);
  const cached = cache?.get(name) as CachedLogger | undefined;
  if (cached?.root === root) return cached.logger;
  const logger = bindTo(root, trace, name);
  cache?.set(name, { root, logger });
  return logger;
}

function bindTo(root: Logger, trace: Trace, name: string): Logger {
  const internals = root as unknown as PinoInternals;
  const hasOurMixin = internals[symbols.mixinSym]?.[kitMixin] === true;
  // With OpenTelemetry the span changes from line to line, so only the mixin can say it.
  const dynamic = hasOurMixin && processState.activeSpan !== undefined;
  const bindings: Bindings = name === '' ? {} : { name };
  if (!dynamic) Object.assign(bindings, hasOurMixin ? undefined : trace.fields, identityOf(trace));
  const child = hasOurMixin ? cheapChild(root, bindings) : root.child(bindings);
  const traced = child as Logger & { [loggerTrace]?: Trace; [identityBound]?: boolean };
  traced[loggerTrace] = trace;
  traced[identityBound] = !dynamic;
  return traced;
}

type PinoInternals = Record<symbol, (Record<symbol, unknown> & string) | undefined>;

// What pino's own `child` does for plain bindings, at a tenth of its cost: one is made for every request.
function cheapChild(root: Logger, bindings: Bindings): Logger {
  const text = (root as unknown as PinoInternals)[symbols.chindingsSym];
  if (typeof text !== 'string') return root.child(bindings);
  const fields = JSON.stringify(bindings).slice(1, -1);
  const child = Object.create(root) as PinoInternals;
  child[symbols.chindingsSym] = (fields === '' ? text : `${text},${fields}`) as never;
  return child as unknown as Logger;
}

function namedChild(root: Logger, name: string | undefined): Logger {
  if (name === undefined || name === '') return root;
  let children = namedChildren.get(root);
  if (children === undefined) namedChildren.set(root, (children = new Map()));
  let child = children.get(name);
  if (child === undefined) {
    // Names are constants of the code; one who puts ids in them gets loggers that are not kept, not a leak.
    if (children.size >= 1000) children.clear();
    child = root.child({ name });
    children.set(name, child);
  }
  return child;
}
