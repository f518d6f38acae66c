import {
  type CallHandler,
  type DynamicModule,
  type ExecutionContext,
  Inject,
  Module,
  type ModuleMetadata,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_INTERCEPTOR, HttpAdapterHost } from '@nestjs/core';
import { from, lastValueFrom, type Observable } from 'rxjs';
import {
  addTxHooks,
  createIdempotencyWrapper,
  createTxHandler,
  type HttpIdempotencyOptions,
  type TransactionManager,
  type TxHookableFastify,
} from './index.js';

export { ReadOnly, Transactional } from './index.js';

/** Injection token of the options given to `IdempotencyModule`. */
export const IDEMPOTENCY_OPTIONS: unique symbol = Symbol.for('@kit/tx/nest/idempotency');

/** Options that need other providers first. */
export interface IdempotencyModuleAsyncOptions {
  imports?: ModuleMetadata['imports'];
  inject?: readonly unknown[];
  useFactory: (...dependencies: never[]) => HttpIdempotencyOptions | Promise<HttpIdempotencyOptions>;
}

/** Answers repeated requests with what the handler returned the first time; not for handlers that use `@Res()` themselves. */
export class IdempotencyInterceptor implements NestInterceptor {
  readonly #wrap: ReturnType<typeof createIdempotencyWrapper>;
  constructor(options: HttpIdempotencyOptions) {
    this.#wrap = createIdempotencyWrapper(options);
  }
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const http = context.switchToHttp();
    const handle = () => lastValueFrom(next.handle(), { defaultValue: undefined });
    return from(this.#wrap(http.getRequest(), http.getResponse(), handle));
  }
}
Inject(IDEMPOTENCY_OPTIONS)(IdempotencyInterceptor, undefined, 0);

/**
 * Idempotency keys for every controller.
 *
 * @example
 * import { Module } from '@nestjs/common';
 * import type { TransactionManager } from '@kit/tx';
 * import { IdempotencyModule } from '@kit/tx/nest';
 * declare const tm: TransactionManager;
 * @Module({ imports: [IdempotencyModule.forRoot({ tm })] })
 * class AppModule {}
 */
export class IdempotencyModule {
  /** Options known when the module is declared. */
  static forRoot(options: HttpIdempotencyOptions): DynamicModule {
    return IdempotencyModule.forRootAsync({ useFactory: () => options });
  }
  /** Options from a factory, after the providers it injects. */
  static forRootAsync({
    imports = [],
    inject = [],
    useFactory,
  }: IdempotencyModuleAsyncOptions): DynamicModule {
    return {
      module: IdempotencyModule,
      imports,
      providers: [
        {
          provide: IDEMPOTENCY_OPTIONS,
          useFactory: useFactory as (...dependencies: unknown[]) => unknown,
          inject: inject as never[],
        },
        { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor },
      ],
    };
  }
}
Module({})(IdempotencyModule);

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
  imports?: ModuleMetadata['imports'];
  inject?: readonly unknown[];
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
        {
          provide: OPTIONS,
          useFactory: options.useFactory as never,
          inject: (options.inject ?? []) as never[],
        },
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
