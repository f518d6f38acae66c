import { gracefulShutdown } from '@kit/health';
import { compose } from './composition.ts';
import { readConfig } from './config.ts';

try {
  const config = readConfig();
  const { app, health, logger, onClose } = await compose(config);
  await app.listen({ host: config.HOST, port: config.PAYMENT_PORT });
  gracefulShutdown({
    server: app.server,
    health,
    readyDelayMs: config.SHUTDOWN_DELAY_MS,
    onClose,
    onError: (error, step) => logger.error({ err: error, step }, 'shutdown'),
  });
  const { port } = app.server.address() as { port: number };
  logger.info(`payment-service listens on http://${config.HOST}:${port}`);
} catch (error) {
  console.error(`payment-service: ${reasonOf(error)}`);
  process.exit(1);
}

/** One line that says what to change. */
function reasonOf(error: unknown): string {
  const {
    code = '',
    message = '',
    port,
  } = Object(error) as { code?: string; message?: string; port?: number };
  const [line = ''] = (message || String(code || error)).split('\n', 1);
  if (code === 'EADDRINUSE') return `port ${port} is taken; set PAYMENT_PORT to another one`;
  if (/^(EACCES|EPERM|EROFS|ENOENT|ENOTDIR|EEXIST|SQLITE_CANTOPEN|SQLITE_READONLY)/.test(code)) {
    return `cannot write to the data folder (${line}); set DATA_DIR to another one`;
  }
  const isDatabase =
    'sqlMessage' in Object(error) || 'severity' in Object(error) || line.includes('database');
  if (isDatabase || /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EHOSTUNREACH|KNEX|SQLITE_)/.test(code)) {
    return `cannot use the database of DATABASE_URL (${line || code})`;
  }
  return line;
}
