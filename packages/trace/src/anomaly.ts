import { wholeNumber } from './check.js';
import { anomalyChannel, type AnomalyEvent } from './channels.js';

export interface AnomalyOptions {
  /**
   * Requests a client may make within a window.
   * @default 100
   */
  limit?: number;
  /**
   * Length of a window in milliseconds; a client's window starts with its first request.
   * @default 300_000 (5 minutes)
   */
  windowMs?: number;
  /**
   * Clients that are counted at a time; the one whose window started first is forgotten.
   * @default 10_000
   */
  maxClients?: number;
}

interface Window {
  startedAt: number;
  count: number;
}

/** @internal Counts a request of a client and reports the one that passes the limit, once a window. */
export function createAnomalyWatch(
  options: AnomalyOptions & { now: () => number },
  onAnomaly: ((event: AnomalyEvent) => void) | undefined,
): (client: string | undefined, traceId: string | undefined) => void {
  const limit = wholeNumber('anomaly.limit', options.limit, 100, 1);
  const windowMs = wholeNumber('anomaly.windowMs', options.windowMs, 300_000, 1);
  const maxClients = wholeNumber('anomaly.maxClients', options.maxClients, 10_000, 1);
  // In order of start: the first is always the one that ends first.
  const windows = new Map<string, Window>();

  const windowOf = (client: string, time: number): Window => {
    const open = windows.get(client);
    if (open !== undefined && time - open.startedAt < windowMs) return open;
    windows.delete(client);
    if (windows.size >= maxClients) windows.delete(windows.keys().next().value!);
    const fresh = { startedAt: time, count: 0 };
    windows.set(client, fresh);
    return fresh;
  };

  return (client, traceId) => {
    if (client === undefined) return;
    const window = windowOf(client, options.now());
    window.count++;
    if (window.count === limit + 1) report({ client, count: window.count, windowMs, traceId }, onAnomaly);
  };
}

function report(event: AnomalyEvent, onAnomaly: ((event: AnomalyEvent) => void) | undefined): void {
  const frozen = Object.freeze(event);
  if (anomalyChannel.hasSubscribers) anomalyChannel.publish(frozen);
  // The record is written; what the listener makes of it must not reach the request, nor end the process.
  const warn = (error: unknown) =>
    process.emitWarning(`onAnomaly failed: ${String(error)}`, { code: 'KIT_TRACE_CALLBACK' });
  try {
    const answer: unknown = onAnomaly?.(frozen);
    if (answer instanceof Promise) answer.catch(warn);
  } catch (error) {
    warn(error);
  }
}
