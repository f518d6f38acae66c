import type {
  AuditPort,
  BreakersPort,
  ErrorsPort,
  HealthPort,
  HttpPort,
  OutboxPort,
  SagasPort,
} from './ports.ts';

/** A panel is there when its port is; only `health` has to be. */
export interface ConsoleOptions {
  /** The name of the service, as the page shows it. */
  title: string;
  /** What opens the console, at least 16 characters; without one nobody gets in. */
  token: string | undefined;
  health: HealthPort;
  breakers?: BreakersPort | undefined;
  errors?: ErrorsPort | undefined;
  sagas?: SagasPort | undefined;
  outbox?: OutboxPort | undefined;
  http?: HttpPort | undefined;
  /** Gets a record of every login, logout, look and resolution. */
  audit?: AuditPort | undefined;
  /** Takes secrets out of what is shown: `createMasker()` of @kit/trace. @default nothing is masked */
  mask?: (<T>(value: T) => T) | undefined;
  /** Gets what a port threw, once for each new message. @default nobody */
  onError?: ((error: unknown, panel: string) => void) | undefined;
  /** @default '/admin/console' */
  basePath?: string | undefined;
  /** How often what is watched is looked at, 100 to 60,000 ms; nothing runs while nobody watches. @default 1_000 */
  refreshMs?: number | undefined;
  /** How far apart the points of the traffic plots are, 100 to 60,000 ms; they reach 15 minutes back. @default 5_000 */
  sampleMs?: number | undefined;
  /** How often a quiet stream says that it lives, 100 to 60,000 ms. @default 5_000 */
  heartbeatMs?: number | undefined;
  /** How long a port may take, 100 to 60,000 ms. @default 5_000 */
  panelTimeoutMs?: number | undefined;
  /** How long a reader may leave what was written unread before it is dropped, 100 to 600,000 ms. @default 15_000 */
  stalledMs?: number | undefined;
  /** Pages that may be open at once, 1 to 1,000. @default 20 */
  maxStreams?: number | undefined;
  /** How long a login lasts, 1,000 to 604,800,000 ms. @default 28_800_000 (8 hours) */
  sessionMs?: number | undefined;
  /** Wrong tokens of one address within `loginWindowMs` until it has to wait, 1 to 1,000. @default 10 */
  maxLoginFailures?: number | undefined;
  /** 100 to 3,600,000 ms. @default 60_000 */
  loginWindowMs?: number | undefined;
  /** Milliseconds since 1970. @default Date.now */
  now?: (() => number) | undefined;
}

export type ConsoleSettings = Readonly<ReturnType<typeof readOptions>>;

/** @throws TypeError or RangeError that names the option, the rule and the value */
export function readOptions(options: ConsoleOptions) {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) throw new TypeError('options must be an object');
  const {
    title,
    token,
    basePath = '/admin/console',
    now = Date.now,
    mask = same,
    onError = () => {},
  } = options;
  if (typeof title !== 'string' || title === '' || title.length > 100) {
    throw new TypeError(`title must be a text of 1 to 100 characters, got ${shown(title)}`);
  }
  // Its value belongs in no message.
  if (token !== undefined && (typeof token !== 'string' || token.length < 16)) {
    throw new TypeError(`token must be a text of at least 16 characters, got ${typeof token}`);
  }
  if (typeof basePath !== 'string' || !/^(\/[\w.~-]+)+$/.test(basePath)) {
    throw new TypeError(`basePath must be a path such as /admin/console, got ${shown(basePath)}`);
  }
  requireMethods('health', options.health, ['report', 'isReady']);
  if (options.errors !== undefined) requireMethods('errors', options.errors, ['snapshot']);
  if (options.sagas !== undefined)
    requireMethods('sagas', options.sagas, ['list', 'get', 'resolve', 'backlog']);
  if (options.outbox !== undefined) requireMethods('outbox', options.outbox, ['backlog']);
  if (options.audit !== undefined) requireMethods('audit', options.audit, ['record']);
  for (const name of ['breakers', 'http', 'mask', 'onError', 'now'] as const) {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== 'function') {
      throw new TypeError(`${name} must be a function, got ${shown(value)}`);
    }
  }
  const { health, breakers, errors, sagas, outbox, http, audit } = options;
  return {
    title,
    token,
    basePath,
    ports: { health, breakers, errors, sagas, outbox, http },
    audit,
    mask,
    onError,
    now,
    refreshMs: whole('refreshMs', options.refreshMs ?? 1_000, 100, 60_000),
    sampleMs: whole('sampleMs', options.sampleMs ?? 5_000, 100, 60_000),
    heartbeatMs: whole('heartbeatMs', options.heartbeatMs ?? 5_000, 100, 60_000),
    panelTimeoutMs: whole('panelTimeoutMs', options.panelTimeoutMs ?? 5_000, 100, 60_000),
    stalledMs: whole('stalledMs', options.stalledMs ?? 15_000, 100, 600_000),
    maxStreams: whole('maxStreams', options.maxStreams ?? 20, 1, 1_000),
    sessionMs: whole('sessionMs', options.sessionMs ?? 8 * 3_600_000, 1_000, 7 * 86_400_000),
    maxLoginFailures: whole('maxLoginFailures', options.maxLoginFailures ?? 10, 1, 1_000),
    loginWindowMs: whole('loginWindowMs', options.loginWindowMs ?? 60_000, 100, 3_600_000),
  };
}

const same = <T>(value: T) => value;

function whole(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be a whole number from ${min} to ${max}, got ${shown(value)}`);
  }
  return value;
}

function requireMethods(name: string, value: unknown, methods: readonly string[]): void {
  for (const method of methods) {
    if (typeof (value as Record<string, unknown> | null | undefined)?.[method] === 'function') continue;
    throw new TypeError(`${name} must have a function ${method}, got ${shown(value)}`);
  }
}

function shown(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value.slice(0, 100))
    : Object.is(value, null)
      ? 'null'
      : typeof value === 'number'
        ? String(value)
        : typeof value;
}
