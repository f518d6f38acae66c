import {
  type DynamicModule,
  Inject,
  type InjectionToken,
  Module,
  type OptionalFactoryDependency,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type HandlerOptions, mountOnAdapter, type Metrics } from './index.js';

/** What `MetricsModule.forRoot` takes. */
export interface MetricsModuleOptions extends HandlerOptions {
  metrics: Metrics;
  /** Where the page is served, outside of any global prefix. @default '/metrics' */
  path?: string | undefined;
}

/** The same with options that come from other providers. */
export interface MetricsModuleAsyncOptions {
  imports?: DynamicModule['imports'];
  inject?: (InjectionToken | OptionalFactoryDependency)[];
  useFactory: (...injected: never[]) => MetricsModuleOptions | Promise<MetricsModuleOptions>;
}

/** Injects the `Metrics` of the module: `@Inject(METRICS)`. */
export const METRICS = Symbol.for('@kit/metrics/metrics');
const OPTIONS = Symbol.for('@kit/metrics/options');

/**
 * Measures every request of a Nest service, on Express and on Fastify, and serves the page.
 * @example
 * import { Module } from '@nestjs/common';
 * import client from 'prom-client';
 * import { createMetrics } from '@kit/metrics';
 * import { MetricsModule } from '@kit/metrics/nest';
 * export class AppModule {}
 * Module({ imports: [MetricsModule.forRoot({ metrics: createMetrics({ client }) })] })(AppModule);
 */
export class MetricsModule {
  constructor(host: HttpAdapterHost, options: MetricsModuleOptions) {
    mountOnAdapter(host.httpAdapter, options.path ?? '/metrics', options.metrics, options);
  }

  static forRoot(options: MetricsModuleOptions): DynamicModule {
    return MetricsModule.forRootAsync({ useFactory: () => options });
  }

  static forRootAsync(options: MetricsModuleAsyncOptions): DynamicModule {
    return {
      module: MetricsModule,
      global: true,
      imports: options.imports ?? [],
      providers: [
        { provide: OPTIONS, useFactory: options.useFactory as never, inject: options.inject ?? [] },
        { provide: METRICS, useFactory: (given: MetricsModuleOptions) => given.metrics, inject: [OPTIONS] },
      ],
      exports: [METRICS],
    };
  }
}

Module({})(MetricsModule);
Inject(HttpAdapterHost)(MetricsModule, undefined, 0);
Inject(OPTIONS)(MetricsModule, undefined, 1);
