import { resolve } from 'node:path';
import { z } from 'zod';

const number = (fallback: number, min: number, max: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback);

const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean),
  );

const schema = z.object({
  NODE_ENV: z.enum(['development', 'test', 'production']).default('development'),
  HOST: z.string().default('127.0.0.1'),
  USER_PORT: number(3200, 0, 65_535),
  /** Where spans go, e.g. Jaeger's `http://127.0.0.1:4318`; unset, there are none. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  LOG_CONSOLE: z.enum(['auto', 'json', 'pretty']).default('auto'),
  /** SQLite files, signing keys and the audit log live here. */
  DATA_DIR: z.string().default('.data'),
  /** `postgres://…` or `mysql://…`; without it a SQLite file in DATA_DIR. */
  USER_DATABASE_URL: z
    .string()
    .regex(/^(postgres(ql)?|mysql|sqlite):/, 'must begin with postgres:, mysql: or sqlite:')
    .optional(),
  /** The names a database of this domain may have; any other is refused before its first query. */
  USER_DATABASE_NAMES: z
    .string()
    .default('users')
    .transform((text) => text.split(',').map((name) => name.trim())),
  STRICT_DOMAIN_GUARD: z.stringbool().default(true),
  /** A second cache level for all instances; without it each has its own memory. */
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).optional(),
  TOKEN_TTL_SECONDS: number(900, 10, 86_400),
  /** Opens the routes of an administrator; without it there are none. */
  ADMIN_TOKEN: z.string().min(16).optional(),
  /** Logins and registrations a minute from one address. */
  AUTH_RATE_PER_MINUTE: number(60, 1, 1_000_000),
  /** Who changed what, when and from where; in DATA_DIR when unset. */
  AUDIT_FILE: z.string().optional(),
  /** Origins whose pages may call this service, comma-separated. */
  CORS_ORIGINS: list,
  /** Addresses whose X-Forwarded-* and trace headers are believed: our gateways and services. */
  TRUSTED_PROXIES: list.pipe(z.array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]))),
  /** `strict`: any degraded check of readiness takes this instance out; `critical-only`: an unhealthy critical one does. */
  HEALTH_READINESS: z.enum(['strict', 'critical-only']).default('strict'),
  /** How many results in a row change the status of a check: for the worse, for the better. */
  HEALTH_FAILURES: number(1, 1, 1_000),
  HEALTH_SUCCESSES: number(1, 1, 1_000),
  /** How long a stopping service still answers while load balancers look away. */
  READY_DELAY_MS: number(1_000, 0, 60_000),
});

export type Config = z.infer<typeof schema> & { sqliteFile: string; auditFile: string };

/** Reads the environment once, at the start. @throws Error that lists every problem, one a line */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const parsed = schema.safeParse(
    Object.fromEntries(Object.entries(env).filter(([, value]) => value !== '')),
  );
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`the configuration is not valid:\n${problems.join('\n')}`);
  }
  const { data } = parsed;
  return {
    ...data,
    sqliteFile: resolve(data.DATA_DIR, 'users.sqlite'),
    auditFile: data.AUDIT_FILE ?? resolve(data.DATA_DIR, 'user-audit.log'),
  };
}
