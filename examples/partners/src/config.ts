import { z } from 'zod';

const port = (fallback: number) => z.coerce.number().int().min(0).max(65_535).default(fallback);

const schema = z.object({
  HOST: z.string().default('127.0.0.1'),
  ORDER_PORT: port(3101),
  CHANNEL_PORT: port(3102),
  RISK_PORT: port(3103),
  /** Where the ledger of effects lives, one SQLite file. */
  DATA_DIR: z.string().default('.data'),
  /** Where spans go, e.g. Jaeger's `http://127.0.0.1:4318`; unset, there are none. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  LOG_CONSOLE: z.enum(['auto', 'json', 'pretty']).default('auto'),
  LOG_FILE: z.string().optional(),
  /** How long a stopping partner still answers, so that nobody meets a closed door. */
  SHUTDOWN_DELAY_MS: z.coerce.number().int().min(0).default(1_000),
});

export type Config = z.infer<typeof schema>;

/** Reads the environment once. @throws Error with every problem in one line */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(set);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`bad configuration: ${problems.join('; ')}`);
}
