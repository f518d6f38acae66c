import type { HttpPort, HttpTotals } from './ports.ts';

/** One point of the plots. */
export interface HttpSample {
  /** The end of the span, milliseconds since 1970. */
  readonly at: number;
  readonly perSecond: number;
  /** Share of answers with 500 or more, 0 to 1. */
  readonly errorRatio: number;
  /** Undefined when there was no request. */
  readonly p95Ms?: number;
}

export interface HttpSamples {
  /** Oldest first, at most 15 minutes. */
  read(): readonly HttpSample[];
  /** What went wrong at the last sample. */
  readonly failure: unknown;
  close(): void;
}

const reachMs = 15 * 60_000;

/** A small ring that is filled whether somebody looks or not: a page that is opened later shows the past. */
export function createHttpSamples(
  http: HttpPort,
  { sampleMs, now, onSample }: { sampleMs: number; now: () => number; onSample: () => void },
): HttpSamples {
  const capacity = Math.ceil(reachMs / sampleMs);
  let samples: HttpSample[] = [];
  let last: { totals: HttpTotals; at: number } | undefined;
  let failure: unknown;
  let isReading = false;

  const sample = async () => {
    // A slow source is asked again when it has answered.
    if (isReading) {
      failure = new Error(`no answer within ${sampleMs} ms`);
      return;
    }
    isReading = true;
    try {
      const totals = await http();
      const at = now();
      if (last && at > last.at) {
        const kept = samples.filter((old) => old.at > at - reachMs && old.at <= at);
        samples = [...kept, between(last, { totals, at })].slice(-capacity);
      }
      last = { totals, at };
      failure = undefined;
    } catch (error) {
      failure = error;
      last = undefined;
    } finally {
      isReading = false;
      onSample();
    }
  };
  // Not before whoever makes us is done.
  const first = setImmediate(() => void sample()).unref();
  const timer = setInterval(() => void sample(), sampleMs).unref();

  return {
    read: () => samples,
    get failure() {
      return failure;
    },
    close() {
      clearImmediate(first);
      clearInterval(timer);
    },
  };
}

type Reading = { totals: HttpTotals; at: number };

/** What happened between two readings; a counter that went back has begun anew. */
export function between(before: Reading, after: Reading): HttpSample {
  const isReset = after.totals.requests < before.totals.requests;
  const from: HttpTotals = isReset ? { requests: 0, errors: 0, buckets: [] } : before.totals;
  const requests = after.totals.requests - from.requests;
  const errors = Math.max(0, after.totals.errors - from.errors);
  const earlier = new Map(from.buckets);
  const buckets = after.totals.buckets.map(
    ([bound, count]) => [bound, Math.max(0, count - (earlier.get(bound) ?? 0))] as const,
  );
  const p95 = quantile(0.95, buckets);
  return {
    at: after.at,
    perSecond: (requests * 1_000) / (after.at - before.at),
    errorRatio: requests === 0 ? 0 : Math.min(1, errors / requests),
    ...(p95 !== undefined && { p95Ms: p95 * 1_000 }),
  };
}

/** As Prometheus' histogram_quantile does it: linear within the bucket, the last finite bound beyond it. */
function quantile(share: number, buckets: HttpTotals['buckets']): number | undefined {
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total === 0) return undefined;
  const rank = share * total;
  let lower = 0;
  let below = 0;
  for (const [bound, count] of buckets) {
    if (count >= rank) {
      if (!Number.isFinite(bound)) return lower;
      return lower + (bound - lower) * ((rank - below) / (count - below));
    }
    lower = bound;
    below = count;
  }
  return lower;
}
