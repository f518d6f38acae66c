import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BoundCounter } from './counter.js';
import type { BoundGauge } from './gauge.js';
import { type BoundHistogram, observeTraced } from './histogram.js';
import type { HttpNaming } from './http-naming.js';
import type { Instruments } from './instrument-maker.js';
import { OVERFLOW } from './series.js';
import { currentTraceId, tracePort } from './trace-port.js';

/** The route of requests that matched none: real paths would be a series each. */
export const UNMATCHED = '__unmatched__';

/** Status of a request whose client left before the answer was complete (nginx's number for it). */
const CLIENT_CLOSED = 499;

/**
 * Measures one request from now until its response is over. `routeOf` is asked at the end; `lengthOf` is
 * for frameworks that keep Content-Length to themselves.
 */
export type TrackHttp = (
  req: IncomingMessage,
  res: ServerResponse,
  routeOf: (status: number) => string | undefined,
  lengthOf?: () => unknown,
) => void;

interface RouteSeries {
  requests: BoundCounter | undefined;
  duration: BoundHistogram;
  size: BoundHistogram;
}

export function createHttpTracker(
  instruments: Instruments,
  naming: HttpNaming,
  exemplars: boolean,
): TrackHttp {
  const { inFlight, seriesOf } = createHttpSeries(instruments, naming);
  const tracked = new WeakSet<ServerResponse>();

  return (req, res, routeOf, lengthOf) => {
    // An app and a sub-app, or a scope within it, may both have been given the adapter.
    if (tracked.has(res)) return;
    tracked.add(res);
    const startedAt = performance.now();
    const bytesBefore = req.socket?.bytesWritten ?? 0;
    const traceId = exemplars ? traceOf(res) : undefined;
    inFlight.inc();
    const finished = () => {
      const status = res.writableFinished ? res.statusCode : CLIENT_CLOSED;
      const series = seriesOf(methodOf(req.method), routeOf(status) ?? UNMATCHED, status);
      series.requests?.inc();
      const seconds = (performance.now() - startedAt) / 1_000;
      if (traceId === undefined) series.duration.observe(seconds);
      else observeTraced(series.duration, seconds, traceId());
      series.size.observe(sizeOf(req, res, lengthOf, bytesBefore));
    };
    // 'close' comes once, after a complete response and after an aborted one.
    res.on('close', () => {
      inFlight.dec();
      try {
        finished();
      } catch {
        // A route that is no text, a framework that changed: no request, and no process, ends for the sake of a count.
      }
    });
  };
}

function createHttpSeries(instruments: Instruments, naming: HttpNaming) {
  const { method, route, status } = naming.labels;
  const labels = [method, route, status] as const;
  const requests =
    naming.requests === undefined
      ? undefined
      : instruments.counter(naming.requests, { help: 'HTTP requests by route template and status.', labels });
  const duration = instruments.histogram(naming.duration, {
    help: 'Time from the first byte of a request to the end of its response, in seconds.',
    labels,
  });
  const size = instruments.histogram(naming.responseSize, {
    help: 'Size of response bodies in bytes.',
    labels,
    buckets: SIZE_BUCKETS,
  });
  const inFlight: BoundGauge = instruments
    .gauge(naming.inFlight, { help: 'HTTP requests being handled now.' })
    .child();

  // By route first: a service has few, each with few methods and statuses.
  const cache = new Map<string, RouteSeries>();
  const seriesOf = (verb: string, template: string, code: number): RouteSeries => {
    const key = `${code}${verb}${template}`;
    const known = cache.get(key);
    if (known !== undefined) return known;
    const series = {
      requests: requests?.child(verb, template, code),
      duration: duration.child(verb, template, code),
      size: size.child(verb, template, code),
    };
    // A template that is none, made from real paths, must not grow this map either.
    if (cache.size < MAX_CACHED && template !== OVERFLOW) cache.set(key, series);
    return series;
  };
  return { inFlight, seriesOf };
}

const MAX_CACHED = 2_000;

const SIZE_BUCKETS = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE']);

function methodOf(method: string | undefined): string {
  return method !== undefined && METHODS.has(method) ? method : '_OTHER';
}

/** Content-Length where there is one; else what went over the wire since the request began, headers included. */
function sizeOf(
  req: IncomingMessage,
  res: ServerResponse,
  lengthOf: (() => unknown) | undefined,
  bytesBefore: number,
): number {
  if (req.method === 'HEAD' || res.statusCode === 204 || res.statusCode === 304) return 0;
  const length = Number((lengthOf ? lengthOf() : res.getHeader('content-length')) ?? NaN);
  if (Number.isFinite(length) && length >= 0) return length;
  return Math.max(0, (req.socket?.bytesWritten ?? 0) - bytesBefore);
}

/**
 * A way to the trace id of this request. The listener of 'close' runs in nobody's context, and the
 * trace may begin after us: so it is looked for now, and again when the headers are written.
 */
function traceOf(res: ServerResponse): (() => string | undefined) | undefined {
  if (tracePort() === undefined) return undefined;
  let id = currentTraceId();
  if (id === undefined) {
    const writeHead = res.writeHead.bind(res) as (...args: unknown[]) => ServerResponse;
    res.writeHead = (...args: unknown[]) => {
      id = currentTraceId();
      return writeHead(...args);
    };
  }
  return () => id;
}
