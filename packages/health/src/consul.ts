import { type Health, HealthError } from './index.js';
import { requireDelay, requireNumber, requireText, shown } from './rules.js';

/** Options of `registerService`. */
export interface RegisterServiceOptions {
  health: Health;
  /** Name of the service in the catalogue. */
  name: string;
  /** Address the agent and other services reach this one at. */
  address: string;
  /** 1 to 65535. */
  port: number;
  /** Unique among the agent's services. @default `<name>-<address>-<port>` */
  id?: string;
  /** @default [] */
  tags?: readonly string[];
  /** Origin of the agent's HTTP API. @default 'http://127.0.0.1:8500' */
  agentUrl?: string | URL;
  /** ACL token, sent as `X-Consul-Token`. */
  token?: string;
  /** Milliseconds between the agent's probes, >= 1000. @default 10000 */
  intervalMs?: number;
  /** Milliseconds the agent waits for a probe, and this package for the agent, > 0. @default 5000 */
  timeoutMs?: number;
  /** Milliseconds of failing probes after which the agent forgets the service, >= 60000 (Consul's minimum). @default 600000 */
  deregisterAfterMs?: number;
}

/** A registered service. */
export interface RegisteredService {
  readonly id: string;
  /** Takes the service out of the catalogue; a hook for `onClose` of `gracefulShutdown`. @throws HealthError KIT_HEALTH_CONSUL */
  deregister(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Registers the service at a Consul agent, which then probes `/health/ready`.
 * Source: Consul agent HTTP API, `PUT /v1/agent/service/register`.
 *
 * @throws HealthError KIT_HEALTH_CONSUL when the agent refuses or cannot be reached
 * @example
 * ```ts
 * import { createHealth } from '@kit/health';
 * import { registerService } from '@kit/health/consul';
 *
 * export const register = () =>
 *   registerService({ health: createHealth(), name: 'payment-service', address: '10.0.0.7', port: 3000 });
 * ```
 */
export async function registerService(options: RegisterServiceOptions): Promise<RegisteredService> {
  const { health, address, port } = options;
  const name = requireText('name', options.name);
  requireText('address', address);
  requireNumber('port', port, { min: 1, max: 65_535, integer: true });
  const intervalMs = requireNumber('intervalMs', options.intervalMs ?? 10_000, { min: 1_000 });
  const timeoutMs = requireDelay('timeoutMs', options.timeoutMs ?? 5_000);
  const forgetMs = requireNumber('deregisterAfterMs', options.deregisterAfterMs ?? 600_000, { min: 60_000 });
  const id = requireText('id', options.id ?? `${name}-${address}-${port}`);
  const agent = { origin: readAgentUrl(options.agentUrl), token: options.token, timeoutMs };
  const host = address.includes(':') ? `[${address}]` : address;

  await put(agent, '/v1/agent/service/register', {
    ID: id,
    Name: name,
    Address: address,
    Port: port,
    Tags: [...(options.tags ?? [])],
    Check: {
      Name: `${name} readiness`,
      HTTP: `http://${host}:${port}${health.paths.ready}`,
      Method: 'GET',
      Interval: `${intervalMs}ms`,
      Timeout: `${timeoutMs}ms`,
      DeregisterCriticalServiceAfter: `${forgetMs}ms`,
    },
  });
  const deregister = () => put(agent, `/v1/agent/service/deregister/${encodeURIComponent(id)}`);
  return { id, deregister, [Symbol.asyncDispose]: deregister };
}

interface Agent {
  origin: string;
  token: string | undefined;
  timeoutMs: number;
}

async function put({ origin, token, timeoutMs }: Agent, path: string, body?: unknown): Promise<void> {
  let response: Response;
  try {
    response = await fetch(origin + path, {
      method: 'PUT',
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { 'x-consul-token': token }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch (cause) {
    throw new HealthError('KIT_HEALTH_CONSUL', 'The Consul agent cannot be reached; is agentUrl right?', {
      cause,
    });
  }
  await response.body?.cancel();
  if (!response.ok)
    throw new HealthError(
      'KIT_HEALTH_CONSUL',
      `The Consul agent answered ${response.status} to PUT ${path}; check the token and its policy`,
    );
}

function readAgentUrl(value: string | URL = 'http://127.0.0.1:8500'): string {
  const url = URL.canParse(String(value)) ? new URL(value) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new TypeError(`agentUrl must be an absolute http or https URL, got ${shown(value)}`);
  return url.origin;
}
