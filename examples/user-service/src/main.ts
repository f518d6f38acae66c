import { gracefulShutdown } from '@kit/health';
import { createApp } from './app.ts';
import { readConfig } from './config.ts';

try {
  const config = readConfig();
  const { app, health, logger, close } = await createApp(config);
  await app.listen(config.USER_PORT, config.HOST);
  gracefulShutdown({
    server: app.getHttpServer(),
    health,
    readyDelayMs: config.READY_DELAY_MS,
    onClose: [['service', close]],
  });
  logger.info(`user-service listens on ${await app.getUrl()}`);
} catch (error) {
  process.stderr.write(`user-service: ${(error as Error).message}\n`);
  process.exit(1);
}
