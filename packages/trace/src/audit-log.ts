import type { IncomingMessage } from 'node:http';
import { createAnomalyWatch, type AnomalyOptions } from './anomaly.js';
import { createAuditOutput, type AuditSink } from './audit-output.js';
import { complain } from './complain.js';
import type { AnomalyEvent } from './channels.js';
import { clientOf } from './client-address.js';
import { optionalFunction, optionsObject, show } from './check.js';
import { getTrace } from './context.js';
import { createInspector, type MaskerOptions } from './masker.js';
import { compileRanges } from './trust.js';

/** What happened. What is not given here is read from `request`, the trace and the clock. */
export interface AuditEntry {
  /** The request: gives ip, userAgent, method and path. It is not stored. */
  request?: IncomingMessage | undefined;
  ip?: string | undefined;
  userAgent?: string | undefined;
  method?: string | undefined;
  path?: string | undefined;
  status?: number | undefined;
  userId?: string | undefined;
  traceId?: string | undefined;
  /** Anything else, masked. */
  [field: string]: unknown;
}

export interface AuditLogOptions {
  /** The file to append to; an existing chain is continued. Either this or `sink`. */
  path?: string;
  /** Where lines go instead of a file. */
  sink?: AuditSink;
  /**
   * Whether each record carries a hash over itself and the one before it.
   * @default 'sha256'
   */
  chain?: 'sha256' | false;
  /** When a client makes too many requests; false for never. */
  anomaly?: AnomalyOptions | false;
  /** Called with every anomaly, besides the channel `kit:trace:anomaly`. */
  onAnomaly?: (event: AnomalyEvent) => void;
  /**
   * Proxies whose `X-Forwarded-For` is believed: IP addresses and CIDR ranges.
   * @default []
   */
  trustProxies?: readonly string[];
  /** More about what is masked. */
  mask?: MaskerOptions;
  /** The clock, in milliseconds since 1970. @default Date.now */
  now?: () => number;
}

export interface AuditLog {
  /** Adds one record; never throws for what is in it. */
  record(entry: AuditEntry): void;
  /** Resolves when every record so far is on disk, or with the sink. */
  flush(): Promise<void>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Creates an audit log: one masked JSON line a record, chained by hashes that `verifyAuditLog` checks.
 *
 * @throws RangeError or TypeError that names the wrong option.
 * @example
 * ```ts
 * import { createAuditLog } from '@kit/trace';
 *
 * const audit = createAuditLog({ path: 'logs/audit.log' });
 * audit.record({ method: 'POST', path: '/payments', status: 201, userId: 'u-17' });
 * await audit.close();
 * ```
 */
export function createAuditLog(options: AuditLogOptions): AuditLog {
  checkOptions(options);
  const { path, sink, chain = 'sha256', now = Date.now } = options;
  const inspect = createInspector(options.mask);
  const isProxy = compileRanges('trustProxies', options.trustProxies ?? []);
  const watch =
    options.anomaly === false
      ? undefined
      : createAnomalyWatch({ ...options.anomaly, now }, options.onAnomaly);
  const output = createAuditOutput(path === undefined ? { sink: sink! } : { path }, chain === 'sha256');
  let closed = false;

  const record = (entry: AuditEntry): void => {
    if (closed) return complain('an audit record after close() is lost');
    const { head, rest } = headOf(readable(entry), isProxy, now());
    const { value, hits } = inspect({ ...head, ...rest });
    const full = {
      ...(value as object),
      timestamp: head.timestamp,
      traceId: head.traceId,
      sensitiveDataDetected: hits > 0,
    };
    output.write(full);
    watch?.(head.ip ?? head.userId, head.traceId);
  };
  const close = async (): Promise<void> => {
    closed = true;
    await output.close();
  };
  return { record, flush: output.flush, close, [Symbol.asyncDispose]: close };
}

// Fields the chain writes itself: a record that brought its own would look broken.
const chainFields = new Set(['previousHash', 'hash', 'lostRecords']);

/** A copy whose keys can all be read, and none of which stands in for the chain or the record as a whole. */
function readable(entry: AuditEntry | undefined): AuditEntry {
  const copy: AuditEntry = {};
  for (const key of Object.keys(entry ?? {})) {
    if (key === 'toJSON' || key === '__proto__') continue;
    const name = chainFields.has(key) ? `_${key}` : key;
    try {
      copy[name] = entry![key];
    } catch {
      copy[name] = '[unreadable]';
    }
  }
  return copy;
}

interface AuditHead {
  timestamp: string;
  ip: string | undefined;
  userAgent: string | undefined;
  method: string | undefined;
  path: string | undefined;
  status: number | undefined;
  userId: string | undefined;
  traceId: string | undefined;
}

function headOf(entry: AuditEntry, isProxy: (address: string | undefined) => boolean, time: number) {
  const { request, ip, userAgent, method, path, status, userId, traceId, ...rest } = entry;
  const url = (request as { originalUrl?: string } | undefined)?.originalUrl ?? request?.url;
  const head: AuditHead = {
    timestamp: new Date(time).toISOString(),
    ip: ip ?? (request && clientOf(request, isProxy)),
    userAgent: userAgent ?? request?.headers?.['user-agent'],
    method: method ?? request?.method,
    path: path ?? url?.split('?', 1)[0],
    status,
    userId,
    traceId: traceId ?? getTrace()?.traceId,
  };
  return { head, rest };
}

function checkOptions(options: AuditLogOptions): void {
  optionsObject('options', options);
  const { path, sink, chain, anomaly, onAnomaly, now } = options;
  if ((path === undefined) === (sink === undefined)) throw new TypeError('give either path or sink');
  if (path !== undefined && (typeof path !== 'string' || path === ''))
    throw new TypeError(`path must be a path, got ${show(path)}`);
  if (![undefined, 'sha256', false].includes(chain))
    throw new RangeError(`chain must be sha256 or false, got ${show(chain)}`);
  if (anomaly !== undefined && anomaly !== false) optionsObject('anomaly', anomaly);
  optionalFunction('sink', sink);
  optionalFunction('onAnomaly', onAnomaly);
  optionalFunction('now', now);
}
