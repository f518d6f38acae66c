import { isIPv6 } from 'node:net';
import { type Health, HealthError } from './index.js';
import { requireDelay, requireMethod, requireNumber, requireObject, requireText, shown } from './rules.js';

/** Options of `registerService`. */
export interface RegisterServiceOptions {
  health: Health;
  /** Name of the service in the catalogue. */
  name: string;
  /** Host name or IP address, without a port, the agent and other services reach this one at. */
  address: string;
  /** 1 to 65535. */
  port: number;
  /** Unique among the agent's services. @default `<name>-<address>-<port>` */
  id?: string;
  /** @default [] */
  tags?: readonly string[];
  /** The agent's HTTP API; a path before `/v1` is kept, for an agent behind a proxy. @default 'http://127.0.0.1:8500' */
  agentUrl?: string | URL;
  /** ACL token, sent as `X-Consul-Token`; printable ASCII. */
  token?: string;
  /** Milliseconds between the agent's probes, 1000 to 86400000. @default 10000 */
  intervalMs?: number;
  /** Milliseconds the agent waits for a probe, and this package for the agent, > 0. @default 5000 */
  timeoutMs?: number;
  /** Milliseconds of failing probes after which the agent forgets the service, >= 60000 (Consul's minimum), at most 30 days. @default 600000 */
  deregisterAfterMs?: number;
}

/** A registered service. */
export interface RegisteredService {
  readonly id: string;
  /** Takes the service out of the catalogue, if it is still there; a hook for `onClose` of `gracefulShutdown`. @throws HealthError KIT_HEALTH_CONSUL */
  deregister(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Registers the service at a Consul agent, which then probes `/health/ready`.
 * Source: Consul agent HTTP API, `PUT /v1/agent/service/register`.
 *
 * @throws HealthError KIT_HEALTH_CONSUL when the agent refuses or cannot be reached
 * @throws RangeError or TypeError that names the wrong option
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
  requireObject('options', options);
  const { health, port } = options;
  requireMethod('health', health, 'report');
  const name = requireText('name', options.name);
  const address = readAddress(options.address);
  requireNumber('port', port, { min: 1, max: 65_535, integer: true });
  const intervalMs = requireNumber('intervalMs', options.intervalMs ?? 10_000, { min: 1_000, max: DAY_MS });
  const timeoutMs = Math.ceil(requireDelay('timeoutMs', options.timeoutMs ?? 5_000));
  const forgetMs = requireNumber('deregisterAfterMs', options.deregisterAfterMs ?? 600_000, {
    min: 60_000,
    max: 30 * DAY_MS,
  });
  const id = readId(options.id ?? `${name}-${address}-${port}`);
  const tags = readTags(options.tags ?? []);
  const agent = { url: readAgentUrl(options.agentUrl), token: readToken(options.token), timeoutMs };
  const host = isIPv6(address) ? `[${address}]` : address;

  await put(agent, '/v1/agent/service/register', {
    ID: id,
    Name: name,
    Address: address,
    Port: port,
    Tags: tags,
    Check: {
      Name: `${name} readiness`,
      HTTP: `http://${host}:${port}${health.paths.ready}`,
      Method: 'GET',
      Interval: `${intervalMs}ms`,
      Timeout: `${timeoutMs}ms`,
      DeregisterCriticalServiceAfter: `${forgetMs}ms`,
    },
  });
  const deregister = () =>
    put(agent, `/v1/agent/service/deregister/${encodeURIComponent(id)}`, undefined, [404]);
  return { id, deregister, [Symbol.asyncDispose]: deregister };
}

const DAY_MS = 86_400_000;

interface Agent {
  url: string;
  token: string | undefined;
  timeoutMs: number;
}

/** `alsoFine`: statuses that say what was asked for is so already. */
async function put(
  { url, token, timeoutMs }: Agent,
  path: string,
  body?: unknown,
  alsoFine: readonly number[] = [],
): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url + path, {
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
  if (!response.ok && !alsoFine.includes(response.status))
    throw new HealthError(
      'KIT_HEALTH_CONSUL',
      `The Consul agent answered ${response.status} to PUT ${path}; check the token and its policy`,
    );
}

// What an agent would take, and then probe for ever in vain.
function readAddress(value: unknown): string {
  const address = requireText('address', value);
  const isHostName = /^[\w.-]+$/.test(address);
  if (!isHostName && !isIPv6(address))
    throw new TypeError(`address must be a host name or an IP address without a port, got ${shown(value)}`);
  return address;
}

function readId(value: unknown): string {
  const id = requireText('id', value);
  // As a segment of a URL these two name a folder, however they are encoded.
  if (id === '.' || id === '..') throw new TypeError(`id must not be "." or "..", got ${shown(value)}`);
  return id;
}

function readTags(value: unknown): string[] {
  if (!Array.isArray(value)) throw new TypeError(`tags must be an array of strings, got ${shown(value)}`);
  return value.map((tag, at) => requireText(`tags[${at}]`, tag));
}

function readToken(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  // A secret is not shown. In a header it would be an error that quotes it.
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value))
    throw new TypeError('token must be printable ASCII without spaces (its value is not shown)');
  return value;
}

function readAgentUrl(value: string | URL = 'http://127.0.0.1:8500'): string {
  const url = URL.canParse(String(value)) ? new URL(value) : undefined;
  const isHttp = url !== undefined && /^https?:$/.test(url.protocol);
  if (!isHttp || url.search !== '' || url.hash !== '')
    throw new TypeError(
      `agentUrl must be an absolute http or https URL without a query, got ${shown(value)}`,
    );
  if (url.username !== '' || url.password !== '')
    throw new TypeError('agentUrl must not hold a user or password; give the token as token');
  return url.origin + url.pathname.replace(/\/+$/, '');
}
