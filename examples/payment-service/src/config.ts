import { join } from 'node:path';
import { z } from 'zod';

const integer = (min: number, max: number, fallback: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback);
const flag = (fallback: boolean) =>
  z
    .enum(['true', 'false'])
    .default(fallback ? 'true' : 'false')
    .transform((value) => value === 'true');
const list = z
  .string()
  .default('')
  .transform((value) =>
    value
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean),
  );
const url = (fallback: string) => z.url({ protocol: /^https?$/ }).default(fallback);
const databaseProtocols = /^(postgres|postgresql|mysql|mariadb|sqlite):/;

const schema = z.object({
  NODE_ENV: z.string().default('development'),
  HOST: z.string().default('127.0.0.1'),
  PAYMENT_PORT: integer(0, 65_535, 3000),
  /** Where SQLite files and logs live. */
  DATA_DIR: z.string().default('.data'),
  /** postgres://…, mysql://…, mariadb://… or sqlite:<file>; a SQLite file in DATA_DIR when unset. */
  DATABASE_URL: z
    .string()
    .regex(databaseProtocols, 'must begin with postgres://, mysql://, mariadb:// or sqlite:')
    .refine((value) => value.startsWith('sqlite:') || URL.canParse(value), 'is not a URL')
    .optional(),
  DATABASE_POOL_MAX: integer(2, 1_000, 10),
  /** Refuse to run on a database that is not ours; a warning otherwise. */
  STRICT_DOMAIN_GUARD: flag(true),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).optional(),

  ORDER_URL: url('http://127.0.0.1:3101'),
  CHANNEL_URL: url('http://127.0.0.1:3102'),
  RISK_URL: url('http://127.0.0.1:3103'),
  PARTNER_TIMEOUT_MS: integer(10, 60_000, 2_000),
  /** How long a caller waits for a payment or a refund; partners are told what is left. */
  REQUEST_DEADLINE_MS: integer(50, 300_000, 10_000),
  BREAKER_OPEN_MS: integer(10, 3_600_000, 30_000),
  /** `critical-only` keeps a degraded instance in rotation; the Kubernetes manifests set it. */
  HEALTH_READINESS: z.enum(['strict', 'critical-only']).default('strict'),
  /** Results in a row that change readiness. */
  HEALTH_FAILURES: integer(1, 1_000, 1),
  HEALTH_SUCCESSES: integer(1, 1_000, 1),
  /** After how long the sagas of an instance that is gone are taken over. */
  SAGA_LEASE_MS: integer(100, 3_600_000, 30_000),
  /** After how many failed attempts at one undo a saga is stuck and waits for an operator. */
  SAGA_UNDO_ATTEMPTS: integer(1, 100, 10),

  /** What a settlement costs the merchant, in 1/100 %. */
  FEE_BASIS_POINTS: integer(0, 10_000, 150),
  /** Requests a minute and client address. */
  RATE_LIMIT_PER_MINUTE: integer(1, 10_000_000, 60_000),
  CORS_ORIGINS: list,
  /** Opens /admin; without it nobody gets in. */
  ADMIN_TOKEN: z.string().min(16).optional(),
  /** Addresses whose X-Forwarded-* and trace headers are believed: our gateways and services. */
  TRUSTED_PROXIES: list.pipe(z.array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]))),

  /** Where spans go, e.g. Jaeger's `http://127.0.0.1:4318`; unset, there are none. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  LOG_CONSOLE: z.enum(['auto', 'json', 'pretty']).default('auto'),
  LOG_FILE: z.string().optional(),
  AUDIT_FILE: z.string().optional(),
  /** How long a stopping service still answers while load balancers look away. */
  SHUTDOWN_DELAY_MS: integer(0, 60_000, 5_000),
});

/** The environment, read once and understood. */
export type Config = z.infer<typeof schema> & { databaseUrl: string; auditFile: string };

/** @throws Error with every problem of the environment in one line */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  // `PAYMENT_PORT=` in a compose file means that it was left alone.
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(set);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
    throw new Error(`bad configuration: ${problems.join('; ')}`);
  }
  const { data } = parsed;
  return {
    ...data,
    databaseUrl: data.DATABASE_URL ?? `sqlite:${join(data.DATA_DIR, 'payment.sqlite')}`,
    auditFile: data.AUDIT_FILE ?? join(data.DATA_DIR, 'payment-audit.log'),
  };
}
