import { type DynamicModule, Inject, Module, type ModuleMetadata, type NestModule } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Endpoint, Health } from './index.js';

/** Injection token of the `Health` given to `HealthModule`: `@Inject(HEALTH) health: Health`. */
export const HEALTH: unique symbol = Symbol.for('@kit/health/nest/health');

/** Options of `HealthModule.forRoot`. */
export interface HealthModuleOptions {
  health: Health;
}

/** Options of `HealthModule.forRootAsync`. */
export interface HealthModuleAsyncOptions {
  imports?: ModuleMetadata['imports'];
  inject?: readonly (string | symbol | (abstract new (...args: never[]) => unknown))[];
  useFactory: (...args: never[]) => HealthModuleOptions | Promise<HealthModuleOptions>;
}

/** Fastify wraps Node's request, Express extends it. */
type AnyRequest = Parameters<Health['answer']>[1] & { raw?: Parameters<Health['answer']>[1] };

const OPTIONS = Symbol.for('@kit/health/nest/options');

/**
 * The endpoints on Nest's HTTP server, outside of its global prefix, guards and interceptors.
 *
 * @example
 * ```ts
 * import { Module } from '@nestjs/common';
 * import { createHealth } from '@kit/health';
 * import { HealthModule } from '@kit/health/nest';
 *
 * export class AppModule {}
 * Module({ imports: [HealthModule.forRoot({ health: createHealth() })] })(AppModule);
 * ```
 */
export class HealthModule implements NestModule {
  readonly #health: Health;
  readonly #host: HttpAdapterHost;

  constructor(health: Health, host: HttpAdapterHost) {
    this.#health = health;
    this.#host = host;
  }

  /** Provides `HEALTH` everywhere and mounts the endpoints. */
  static forRoot(options: HealthModuleOptions): DynamicModule {
    return dynamicModule({ useFactory: () => options });
  }

  /** As `forRoot`, with options from a factory that may inject. */
  static forRootAsync(options: HealthModuleAsyncOptions): DynamicModule {
    return dynamicModule(options);
  }

  /** Nest calls it before it mounts its own routes. */
  configure(): void {
    const adapter = this.#host.httpAdapter;
    for (const [endpoint, path] of Object.entries(this.#health.paths)) {
      adapter.all(path, async (req: AnyRequest, res: object) => {
        const { status, headers, body } = await this.#health.answer(
          endpoint as Endpoint,
          req.raw ?? req,
          adapter.getHeader(res, 'vary'),
        );
        for (const [name, value] of Object.entries(headers)) adapter.setHeader(res, name, value);
        adapter.reply(res, body, status);
      });
    }
  }
}

Module({})(HealthModule);
Inject(HEALTH)(HealthModule, undefined, 0);
Inject(HttpAdapterHost)(HealthModule, undefined, 1);

function dynamicModule({ imports = [], inject = [], useFactory }: HealthModuleAsyncOptions): DynamicModule {
  return {
    module: HealthModule,
    global: true,
    imports,
    providers: [
      { provide: OPTIONS, useFactory, inject: [...inject] },
      { provide: HEALTH, useFactory: ({ health }: HealthModuleOptions) => health, inject: [OPTIONS] },
    ],
    exports: [HEALTH],
  };
}
