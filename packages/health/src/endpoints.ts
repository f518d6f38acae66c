import type { IncomingMessage } from 'node:http';
import { bodyOf, showsDetails } from './exposure.js';
import { depthHeader } from './http-check.js';
import type { Settings } from './options.js';
import { healthPage, prefersHtml } from './page.js';
import { isReadyBy } from './readiness.js';
import { checkReport, healthReport, type HealthReport } from './report.js';
import type { StartupLatch } from './startup.js';

/** The four questions a service answers about itself. */
export type Endpoint = 'all' | 'live' | 'ready' | 'startup';

/** A whole HTTP response, for an adapter to write. `body` is empty for HEAD. */
export interface ProbeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a response's header has so far. */
export type HeaderValue = number | string | readonly string[] | undefined;

/** @internal */
export const endpointPaths = (basePath: string): Readonly<Record<Endpoint, string>> =>
  Object.freeze({
    all: basePath,
    live: `${basePath}/live`,
    ready: `${basePath}/ready`,
    startup: `${basePath}/startup`,
  });

/** @internal */
export interface ProbeSources {
  health: {
    readonly isShuttingDown: boolean;
    report(options: { group?: string; localOnly: boolean }): Promise<HealthReport>;
  };
  settings: Settings;
  startup: StartupLatch;
}

/** @internal */
export async function answerProbe(
  endpoint: Endpoint,
  req: IncomingMessage,
  sources: ProbeSources,
  vary: HeaderValue,
): Promise<ProbeAnswer> {
  const answer = await answerOf(endpoint, req, sources);
  return answer.headers['vary'] !== undefined
    ? { ...answer, headers: { ...answer.headers, vary: varyBy(vary, answer.headers['vary']) } }
    : answer;
}

// Another middleware, CORS for one, may have put its own there.
function varyBy(before: HeaderValue, name: string): string {
  const names = Array.isArray(before) ? before.join(', ') : String(before ?? '');
  if (names === '') return name;
  return names.split(/\s*,\s*/).some((one) => one === '*' || one.toLowerCase() === name)
    ? names
    : `${names}, ${name}`;
}

async function answerOf(
  endpoint: Endpoint,
  req: IncomingMessage,
  sources: ProbeSources,
): Promise<ProbeAnswer> {
  const allow = 'GET, HEAD, OPTIONS';
  if (req.method === 'OPTIONS')
    return { status: 204, headers: { allow, 'cache-control': 'no-store' }, body: '' };
  if (req.method !== 'GET' && req.method !== 'HEAD')
    return withBody(405, 'text/plain; charset=utf-8', 'Method Not Allowed\n', { allow });

  const { ok, report } = await probes[endpoint](sources, req);
  const status = ok ? 200 : 503;
  const body = bodyOf(report, showsDetails(req, sources.settings.details));
  const answer =
    endpoint === 'all' && prefersHtml(req.headers.accept)
      ? withBody(status, 'text/html; charset=utf-8', healthPage(body), {
          'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
        })
      : withBody(status, 'application/json; charset=utf-8', JSON.stringify(body));
  return req.method === 'HEAD' ? { ...answer, body: '' } : answer;
}

interface Probe {
  ok: boolean;
  report: HealthReport;
}

const probes: Record<Endpoint, (sources: ProbeSources, req: IncomingMessage) => Probe | Promise<Probe>> = {
  async all({ health }, req) {
    const report = await health.report({ localOnly: isFromHealthCheck(req) });
    return { ok: report.status !== 'unhealthy', report };
  },
  live: ({ settings }) => ({ ok: true, report: healthReport([], settings.now(), 0) }),
  async ready({ health, settings, startup }, req) {
    if (health.isShuttingDown) return refusal('shutdown', 'shutting down', settings);
    if (!startup.isDone) return refusal('startup', startup.message, settings);
    const report = await health.report({ group: 'ready', localOnly: isFromHealthCheck(req) });
    // The signal may have come while the checks ran.
    if (health.isShuttingDown) return refusal('shutdown', 'shutting down', settings);
    return { ok: isReadyBy(settings.readiness, report), report };
  },
  startup: ({ settings, startup }) =>
    startup.isDone
      ? { ok: true, report: healthReport([], settings.now(), 0) }
      : refusal('startup', startup.message, settings),
};

function refusal(name: string, message: string, { now }: Settings): Probe {
  const check = checkReport(name, true, { status: 'unhealthy', message, durationMs: 0, at: now() });
  return { ok: false, report: healthReport([check], now(), 0) };
}

/** Two services that check each other would otherwise wait for each other until both time out. */
const isFromHealthCheck = (req: IncomingMessage) => Number(req.headers[depthHeader] ?? 0) >= 1;

function withBody(
  status: number,
  type: string,
  body: string,
  more: Record<string, string> = {},
): ProbeAnswer {
  return {
    status,
    headers: {
      'content-type': type,
      'content-length': String(Buffer.byteLength(body)),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      vary: 'accept',
      ...more,
    },
    body,
  };
}
