import { Controller, Get, Inject } from '@nestjs/common';
import { HealthCheck, HealthCheckService, HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { startNest } from 'kit-tooling/apps';
import { graceMs, ping, tellPort } from './work.ts';
import { WorkController } from './work-controller.ts';

@Controller('health')
class ReadyController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
  ) {}

  @Get('ready')
  @HealthCheck()
  ready() {
    return this.health.check([
      async () => {
        await ping();
        return this.indicators.check('db').up();
      },
    ]);
  }
}

const { server } = await startNest(
  {
    module: class AppModule {},
    imports: [TerminusModule.forRoot({ gracefulShutdownTimeoutMs: graceMs, logger: false })],
    controllers: [WorkController, ReadyController],
  },
  'express',
  (app) => void app.enableShutdownHooks(),
);
tellPort(server);
