import type { Check } from './check.js';
import { failureMessage } from './failure-message.js';
import { requireDelay, requireObject, requireText, shown } from './rules.js';

/** Carried by the requests of `httpCheck`: who gets it answers for itself only, so two services never chase each other. */
export const depthHeader = 'x-kit-health-depth';

/** Options of `httpCheck`. */
export interface HttpCheckOptions {
  /** Shown to callers; not the host name. */
  name: string;
  /** http or https, without credentials. */
  url: string | URL;
  /** Milliseconds, > 0. @default 5000 */
  timeoutMs?: number;
  /** Sent along, e.g. an authorization. */
  headers?: Record<string, string>;
}

/**
 * Healthy while a GET answers 2xx; redirects are not followed and no body is read.
 *
 * @example
 * ```ts
 * import { createHealth, httpCheck } from '@kit/health';
 *
 * createHealth().add(httpCheck({ name: 'risk-service', url: 'http://127.0.0.1:3103/health/live' }), { critical: false });
 * ```
 */
export function httpCheck(options: HttpCheckOptions): Check {
  requireObject('options', options);
  const name = requireText('name', options.name);
  const url = readUrl(options.url);
  const timeoutMs = requireDelay('timeoutMs', options.timeoutMs ?? 5_000);
  const headers = { ...options.headers, [depthHeader]: '1' };
  return {
    name,
    timeoutMs,
    remote: true,
    async check({ signal, now }) {
      const startedAt = now();
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        const response = await fetch(url, {
          headers,
          redirect: 'manual',
          signal: AbortSignal.any([signal, timeout]),
        });
        // Unread bodies hold their connection; an endless one would hold it for ever.
        void response.body?.cancel().catch(() => {});
        const metadata = { statusCode: response.status, durationMs: now() - startedAt };
        return response.ok
          ? { status: 'healthy', metadata }
          : { status: 'unhealthy', message: `answered ${response.status}`, metadata };
      } catch (error) {
        const message =
          timeout.aborted || signal.aborted ? `timeout after ${timeoutMs} ms` : failureMessage(error);
        return { status: 'unhealthy', message, metadata: { durationMs: now() - startedAt } };
      }
    },
  };
}

function readUrl(value: string | URL): URL {
  const url = URL.canParse(String(value)) ? new URL(value) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new TypeError(`url must be an absolute http or https URL, got ${shown(value)}`);
  if (url.username !== '' || url.password !== '')
    throw new TypeError('url must not carry credentials, use headers, got a url with a user');
  return url;
}
