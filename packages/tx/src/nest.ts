import {
  type CallHandler,
  type DynamicModule,
  type ExecutionContext,
  Inject,
  Module,
  type ModuleMetadata,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { createIdempotencyWrapper, type HttpIdempotencyOptions } from './index.js';

export { ReadOnly, Transactional } from './index.js';
export { TX_MANAGER, TxModule, type TxModuleAsyncOptions, type TxModuleOptions } from './nest-tx.js';

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
