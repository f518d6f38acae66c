import { symbols, type Bindings, type Logger } from 'pino';
import { tracePort } from './port.js';
import {
  identityBound,
  identityOf,
  identityText,
  kitMixin,
  loggerTrace,
  type TracedLogger,
} from './log-fields.js';
import { createLogger } from './logger.js';
import { processState } from './process-state.js';
import { loggersOf, type Trace, type TraceLoggers } from './trace.js';

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
  if (cache === undefined) return bindTo(root, trace, name);
  if (name !== '') return namedLogger((cache.named ??= new Map()), root, trace, name);
  if (cache.root !== root) {
    cache.plain = bindTo(root, trace, '');
    cache.root = root;
  }
  return cache.plain as Logger;
}

function namedLogger(
  named: NonNullable<TraceLoggers['named']>,
  root: Logger,
  trace: Trace,
  name: string,
): Logger {
  const cached = named.get(name);
  if (cached?.root === root) return cached.logger as Logger;
  const logger = bindTo(root, trace, name);
  named.set(name, { root, logger });
  return logger;
}

function bindTo(root: Logger, trace: Trace, name: string): Logger {
  const internals = root as unknown as PinoInternals;
  const hasOurMixin = internals[symbols.mixinSym]?.[kitMixin] === true;
  // With OpenTelemetry the span changes from line to line, so only the mixin can say it.
  const dynamic = hasOurMixin && processState.activeSpan !== undefined;
  const text = hasOurMixin ? internals[symbols.chindingsSym] : undefined;
  if (typeof text === 'string') {
    const nameText = name === '' ? '' : `,"name":${JSON.stringify(name)}`;
    return cheapChild(root, text + nameText + (dynamic ? '' : identityText(trace)), trace, !dynamic);
  }
  const bindings: Bindings = name === '' ? {} : { name };
  if (!dynamic) Object.assign(bindings, hasOurMixin ? undefined : trace.fields, identityOf(trace));
  const child = root.child(bindings) as Logger & TracedLogger;
  child[loggerTrace] = trace;
  child[identityBound] = !dynamic;
  return child;
}

type PinoInternals = Record<symbol, (Record<symbol, unknown> & string) | undefined>;
type ChildClass = new (chindings: string, trace: Trace, isBound: boolean) => Logger;

const childClasses = new WeakMap<Logger, ChildClass>();

// What pino's own `child` does for plain bindings, at a fraction of its cost: one is made for every request.
function cheapChild(root: Logger, chindings: string, trace: Trace, isBound: boolean): Logger {
  let Child = childClasses.get(root);
  if (Child === undefined) childClasses.set(root, (Child = childClassOf(root)));
  return new Child(chindings, trace, isBound);
}

// A constructor of its own for every root: V8 then knows the shape of the children, which it does not with Object.create.
function childClassOf(root: Logger): ChildClass {
  function TracedChild(this: PinoInternals, chindings: string, trace: Trace, isBound: boolean) {
    this[symbols.chindingsSym] = chindings as never;
    this[loggerTrace] = trace as never;
    this[identityBound] = isBound as never;
  }
  TracedChild.prototype = root;
  return TracedChild as unknown as ChildClass;
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
