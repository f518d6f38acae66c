import { Inject, Module, type DynamicModule, type ModuleMetadata } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import {
  addTraceHooks,
  createTraceHandler,
  type HookableFastify,
  type PlatformRequest,
  type TraceOptions,
} from './index.js';

/** The token the options are provided under. */
export const TRACE_OPTIONS: unique symbol = Symbol.for('@kit/trace/options');

/** Options that need other providers first. */
export interface TraceModuleAsyncOptions {
  imports?: ModuleMetadata['imports'];
  inject?: readonly unknown[];
  useFactory: (
    ...dependencies: never[]
  ) => TraceOptions<PlatformRequest> | Promise<TraceOptions<PlatformRequest>>;
}

class TraceInstaller {
  constructor(host: HttpAdapterHost, options: TraceOptions<PlatformRequest>) {
    // At the adapter: before the body parser, guards and routes, so that 404s and refused bodies have a trace too.
    const adapter = host.httpAdapter;
    if (adapter?.getType() === 'fastify') {
      addTraceHooks(adapter.getInstance<HookableFastify<PlatformRequest>>(), options);
    } else adapter?.use(createTraceHandler(options));
  }
}
Inject(HttpAdapterHost)(TraceInstaller, undefined, 0);
Inject(TRACE_OPTIONS)(TraceInstaller, undefined, 1);

/**
 * Gives every request of a Nest application a trace, its response headers and a request log.
 *
 * @example
 * ```ts
 * import { Module } from '@nestjs/common';
 * import { TraceModule } from '@kit/trace/nest';
 *
 * @Module({ imports: [TraceModule.forRoot({ slowMs: 500 })] })
 * class AppModule {}
 * ```
 */
export class TraceModule {
  /** Options known when the module is declared. */
  static forRoot(options: TraceOptions<PlatformRequest> = {}): DynamicModule {
    return TraceModule.forRootAsync({ useFactory: () => options });
  }

  /** Options from a factory, after the providers it injects. */
  static forRootAsync(options: TraceModuleAsyncOptions): DynamicModule {
    return {
      module: TraceModule,
      imports: options.imports ?? [],
      providers: [
        {
          provide: TRACE_OPTIONS,
          useFactory: options.useFactory as (...dependencies: unknown[]) => unknown,
          inject: (options.inject ?? []) as never[],
        },
        TraceInstaller,
      ],
    };
  }
}
Module({})(TraceModule);
