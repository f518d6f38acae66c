import { createHealth, gracefulShutdown } from '../../src/index.ts';
import { HealthModule } from '../../src/nest.ts';
import { startNest } from 'kit-tooling/apps';
import { graceMs, ping, tellPort } from './work.ts';
import { WorkController } from './work-controller.ts';

const health = createHealth().add({
  name: 'db',
  check: async () => {
    await ping();
    return { status: 'healthy' };
  },
});
const { server } = await startNest({
  module: class AppModule {},
  imports: [HealthModule.forRoot({ health })],
  controllers: [WorkController],
});
gracefulShutdown({ server, health, readyDelayMs: graceMs });
tellPort(server);
