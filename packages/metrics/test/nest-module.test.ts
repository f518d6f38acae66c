import 'reflect-metadata';
import { Inject, Injectable, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { startNest } from 'kit-tooling/apps';
import { describe, expect, it } from 'vitest';
import { METRICS, MetricsModule } from '../src/nest.js';
import type { Metrics } from '../src/index.js';
import { newMetrics } from './clients.js';

class Payments {
  constructor(readonly metrics: Metrics) {}
}
Injectable()(Payments);
Inject(METRICS)(Payments, undefined, 0);

const appWith = (module: DynamicModule): DynamicModule => ({
  module: class App {},
  imports: [module],
  providers: [Payments],
});

describe('MetricsModule', () => {
  it('gives the metrics to whoever injects METRICS', async () => {
    const metrics = newMetrics();
    const running = await startNest(appWith(MetricsModule.forRoot({ metrics })));
    expect(running.app.get(Payments).metrics).toBe(metrics);
    await running.close();
  });

  it('takes its options from other providers', async () => {
    const metrics = newMetrics();
    const module = MetricsModule.forRootAsync({
      imports: [
        { module: class Config {}, providers: [{ provide: 'PATH', useValue: '/m' }], exports: ['PATH'] },
      ],
      inject: ['PATH'],
      useFactory: async (path: string) => ({ metrics, path }),
    });
    const running = await startNest(appWith(module));
    expect((await fetch(`${running.url}/m`)).status).toBe(200);
    await running.close();
  });

  it('starts where there is no HTTP at all: a worker, a command', async () => {
    const metrics = newMetrics();
    const context = await NestFactory.createApplicationContext(appWith(MetricsModule.forRoot({ metrics })), {
      logger: false,
      abortOnError: false,
    });
    expect(context.get(Payments).metrics).toBe(metrics);
    await context.close();
  });
});
