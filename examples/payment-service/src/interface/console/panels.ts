import type { BreakerChanges } from './breaker-changes.ts';
import type { CheckHistory } from './check-history.ts';
import type { HttpSamples } from './http-samples.ts';
import type { ConsoleSettings } from './options.ts';
import type { SagaView } from './ports.ts';

/** One panel of the page: where its data comes from, and how often. */
export interface Panel {
  readonly name: string;
  /** Looked at again after so many ms, while somebody watches. */
  readonly everyMs: number;
  collect(): unknown;
}

export interface Sources {
  history: CheckHistory;
  changes: BreakerChanges;
  samples: HttpSamples | undefined;
  outboxAge: { readonly oldestMs: number | undefined };
}

/** What asks a database is asked less often. */
const slowEveryMs = 2_000;
const maxItems = 100;
const maxCodes = 50;
const maxOccurrences = 5;
const maxSagas = 50;
const maxInput = 2_000;

/** The panels whose ports are there. */
export function createPanels({ ports, refreshMs, mask, now }: ConsoleSettings, from: Sources): Panel[] {
  const { health, breakers, errors, sagas, outbox } = ports;
  const slow = Math.max(refreshMs, slowEveryMs);
  const panels: Panel[] = [{ name: 'health', everyMs: refreshMs, collect: collectHealth }];
  if (breakers)
    panels.push({ name: 'breakers', everyMs: refreshMs, collect: () => collectBreakers(breakers) });
  if (from.samples) {
    const samples = from.samples;
    panels.push({ name: 'http', everyMs: refreshMs, collect: () => collectHttp(samples) });
  }
  if (errors) panels.push({ name: 'errors', everyMs: refreshMs, collect: () => collectErrors(errors) });
  if (sagas) panels.push({ name: 'sagas', everyMs: slow, collect: () => collectSagas(sagas) });
  if (outbox) panels.push({ name: 'outbox', everyMs: slow, collect: () => collectOutbox(outbox) });
  return panels;

  async function collectHealth() {
    const { status, checks } = await health.report();
    return {
      status,
      ready: health.isReady(),
      slotMs: from.history.slotMs,
      checks: checks.slice(0, maxItems).map(({ name, status, critical, message, duration, metadata }) => ({
        name,
        status,
        critical,
        duration,
        message: message === undefined ? undefined : mask(message),
        metadata: metadata === undefined ? undefined : mask(metadata),
        history: from.history.of(name),
      })),
    };
  }

  function collectBreakers(read: NonNullable<typeof breakers>) {
    return read()
      .slice(0, maxItems)
      .map(({ name, state, isolated = false, counts, stale = 0, retryAfterMs }) => ({
        name,
        state,
        isolated,
        counts,
        stale,
        // A tenth of a second is exact enough, and lets a quiet breaker look the same twice.
        retryAt: retryAfterMs > 0 ? Math.round((now() + retryAfterMs) / 100) * 100 : undefined,
        changed: from.changes.of(name),
      }));
  }

  function collectErrors(port: NonNullable<typeof errors>) {
    const { total, counts, last, perMinute } = port.snapshot();
    const byCode = Map.groupBy(last, ({ code }) => code);
    const codes = Object.entries(counts)
      .map(([code, count]) => {
        const occurrences = byCode.get(code)?.slice(-maxOccurrences).reverse() ?? [];
        return {
          code,
          count,
          lastSeen: occurrences[0]?.timestamp,
          last: occurrences.map((one) => mask(one)),
        };
      })
      .toSorted((a, b) => (b.lastSeen ?? '').localeCompare(a.lastSeen ?? '') || b.count - a.count);
    return {
      total,
      perMinute,
      codes: codes.slice(0, maxCodes),
      moreCodes: Math.max(0, codes.length - maxCodes),
    };
  }

  async function collectSagas(port: NonNullable<typeof sagas>) {
    const list = async (status: 'running' | 'compensating' | 'stuck') =>
      (await port.list({ status, limit: maxSagas })).map(shortened);
    const [backlog, stuck, compensating, running] = await Promise.all([
      port.backlog(),
      list('stuck'),
      list('compensating'),
      list('running'),
    ]);
    return { backlog, limit: maxSagas, stuck, compensating, running };
  }

  function shortened({ id, name, version, status, input, error, steps }: SagaView) {
    const text = JSON.stringify(mask(input)) ?? '';
    return {
      id,
      name,
      version,
      status,
      input: text.length > maxInput ? `${text.slice(0, maxInput)}…` : text,
      error: error && { name: error.name, code: error.code, message: mask(error.message).slice(0, maxInput) },
      steps: steps.slice(0, maxItems),
    };
  }

  async function collectOutbox(port: NonNullable<typeof outbox>) {
    return { size: await port.backlog(), oldestMs: from.outboxAge.oldestMs };
  }
}

function collectHttp(samples: HttpSamples) {
  if (samples.failure !== undefined) throw samples.failure;
  return {
    reachMs: 15 * 60_000,
    points: samples
      .read()
      .map(({ at, perSecond, errorRatio, p95Ms }) => [
        at,
        rounded(perSecond),
        rounded(errorRatio, 10_000),
        p95Ms === undefined ? undefined : rounded(p95Ms, 10),
      ]),
  };
}

const rounded = (value: number, steps = 100) => Math.round(value * steps) / steps;
