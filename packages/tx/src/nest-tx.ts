import {
  type DynamicModule,
  Inject,
  type InjectionToken,
  Module,
  type OptionalFactoryDependency,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { addTxHooks, createTxHandler, type TransactionManager, type TxHookableFastify } from './index.js';

/** The token of the manager: `@Inject(TX_MANAGER) private readonly tm: TransactionManager`. */
export const TX_MANAGER: unique symbol = Symbol.for('@kit/tx/nest/manager');

/** Options of `TxModule.forRoot`. */
export interface TxModuleOptions {
  /** What `@Inject(TX_MANAGER)` gives. */
  manager?: TransactionManager | undefined;
  /** The same by its usual name. */
  tm?: TransactionManager | undefined;
}

/** Options that need other providers first. */
export interface TxModuleAsyncOptions {
  imports?: DynamicModule['imports'];
  inject?: (InjectionToken | OptionalFactoryDependency)[];
  useFactory: (...dependencies: never[]) => TxModuleOptions | Promise<TxModuleOptions>;
}

const OPTIONS = Symbol.for('@kit/tx/nest/options');

/**
 * Provides the manager, and gives every request a context in which it reads what it wrote.
 *
 * @example
 * import { Module } from '@nestjs/common';
 * import type { TransactionManager } from '@kit/tx';
 * import { TxModule } from '@kit/tx/nest';
 * declare const tm: TransactionManager;
 * @Module({ imports: [TxModule.forRoot({ manager: tm })] })
 * class AppModule {}
 */
export class TxModule {
  constructor(host: HttpAdapterHost) {
    // At the adapter, before guards and routes. An application without HTTP has none.
    const adapter = host.httpAdapter;
    if (adapter?.getType() === 'fastify') addTxHooks(adapter.getInstance<TxHookableFastify>());
    else adapter?.use(createTxHandler());
  }

  /** Options known when the module is declared. */
  static forRoot(options: TxModuleOptions = {}): DynamicModule {
    return TxModule.forRootAsync({ useFactory: () => options });
  }

  /** Options from a factory, after the providers it injects. */
  static forRootAsync(options: TxModuleAsyncOptions): DynamicModule {
    return {
      module: TxModule,
      global: true,
      imports: options.imports ?? [],
      providers: [
        { provide: OPTIONS, useFactory: options.useFactory as never, inject: options.inject ?? [] },
        {
          provide: TX_MANAGER,
          useFactory: ({ manager, tm }: TxModuleOptions) => manager ?? tm,
          inject: [OPTIONS],
        },
      ],
      exports: [TX_MANAGER],
    };
  }
}

Module({})(TxModule);
Inject(HttpAdapterHost)(TxModule, undefined, 0);
