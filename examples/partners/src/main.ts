import { gracefulShutdown } from '@kit/health';
import { createLogger } from '@kit/trace';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createPartnerApp } from './app.ts';
import { channelRoutes } from './channel-adapter.ts';
import { type Config, readConfig } from './config.ts';
import { openDatabase } from './database.ts';
import { orderRoutes } from './order-service.ts';
import { riskRoutes } from './risk-service.ts';

const partners = {
  'order-service': { routes: orderRoutes, port: 'ORDER_PORT' },
  'channel-adapter': { routes: channelRoutes, port: 'CHANNEL_PORT' },
  'risk-service': { routes: riskRoutes, port: 'RISK_PORT' },
} as const;

try {
  const names = namesFrom(process.argv.slice(2));
  await start(readConfig(), names);
} catch (error) {
  console.error(`partners: ${reasonOf(error)}`);
  process.exit(1);
}

/** All three in one process; `main.ts risk-service` starts that one alone. */
async function start(config: Config, names: (keyof typeof partners)[]): Promise<void> {
  const logger = createLogger({
    level: config.LOG_LEVEL,
    console: config.LOG_CONSOLE,
    base: null,
    ...(config.LOG_FILE !== undefined && { file: { path: config.LOG_FILE } }),
  });
  const telemetry =
    config.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
      ? undefined
      : (await import('./telemetry.ts')).startTelemetry(logger);
  const knex = await openDatabase(config.DATA_DIR);
  const codes: number[] = [];
  const exit = async (code: number) => {
    codes.push(code);
    if (codes.length < names.length) return;
    await knex.destroy();
    await telemetry?.close();
    await logger.flush();
    process.exit(Math.max(...codes));
  };

  for (const name of names) {
    const { routes, port } = partners[name];
    const { app, health } = createPartnerApp({ name, knex, logger, routes, openSpan: telemetry?.of(name) });
    const server = createServer(app).listen(config[port], config.HOST);
    await once(server, 'listening');
    gracefulShutdown({
      server,
      health,
      readyDelayMs: config.SHUTDOWN_DELAY_MS,
      exit: (code) => void exit(code),
    });
    const { port: actual } = server.address() as { port: number };
    logger.info({ service: name }, `${name} listens on http://${config.HOST}:${actual}`);
  }
}

function namesFrom(args: string[]): (keyof typeof partners)[] {
  const all = Object.keys(partners) as (keyof typeof partners)[];
  const strangers = args.filter((name) => !Object.hasOwn(partners, name));
  if (strangers.length > 0)
    throw new Error(`there is no ${strangers.join(', ')}; there are ${all.join(', ')}`);
  return args.length > 0 ? (args as typeof all) : all;
}

/** One line that says what to change. */
function reasonOf(error: unknown): string {
  const { code, message, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') return `port ${port} is taken; set ORDER_PORT, CHANNEL_PORT or RISK_PORT`;
  if (/^(EACCES|EROFS|ENOENT|ENOTDIR|EEXIST|SQLITE_CANTOPEN|SQLITE_READONLY)/.test(code ?? '')) {
    return `cannot write to the data folder (${message}); set DATA_DIR to another one`;
  }
  return message.split('\n', 1)[0]!;
}
