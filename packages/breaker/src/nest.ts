import {
  type ArgumentsHost,
  Catch,
  type DynamicModule,
  type ExceptionFilter,
  Inject,
  Module,
  type ModuleMetadata,
  type NestModule,
} from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import {
  type BreakerHostOptions,
  createBreakerHost,
  guardMethod,
  type HttpAnswer,
  toHttpAnswer,
} from './index.js';

/** Injection token of the registry: `@Inject(BREAKERS) breakers: BreakerRegistry`. */
export const BREAKERS: unique symbol = Symbol.for('@kit/breaker/nest/breakers');
const HOST = Symbol.for('@kit/breaker/nest/host');

/** Options of `BreakerModule.forRoot`; `authorize` gets the request of the platform. */
export type BreakerModuleOptions = BreakerHostOptions<unknown>;

/** Options of `BreakerModule.forRootAsync`. */
export interface BreakerModuleAsyncOptions {
  imports?: ModuleMetadata['imports'];
  inject?: readonly (string | symbol | (abstract new (...args: never[]) => unknown))[];
  useFactory: (...args: never[]) => BreakerModuleOptions | Promise<BreakerModuleOptions>;
}

/**
 * Runs the method through the breaker of that name in the module's registry.
 *
 * @example
 * ```ts
 * import { UseBreaker } from '@kit/breaker/nest';
 *
 * export class Orders {
 *   async list(): Promise<Response> {
 *     return fetch('http://localhost:3101/orders');
 *   }
 * }
 * const descriptor = Object.getOwnPropertyDescriptor(Orders.prototype, 'list')!;
 * UseBreaker('order-service')(Orders.prototype, 'list', descriptor); // as a decorator: @UseBreaker('order-service')
 * ```
 */
export function UseBreaker(name: string): MethodDecorator {
  return (target, _key, descriptor) => {
    // Property injection: the class needs no constructor parameter for it.
    Inject(BREAKERS)(target, BREAKERS);
    return guardMethod(descriptor, name, BREAKERS);
  };
}

/** The registry as a provider, 503 for an open breaker, and the admin route when there is an `authorize`. */
export class BreakerModule implements NestModule {
  readonly #admin: ReturnType<typeof createBreakerHost>['admin'];
  readonly #http: HttpAdapterHost;

  constructor(host: ReturnType<typeof createBreakerHost>, http: HttpAdapterHost) {
    this.#admin = host.admin;
    this.#http = http;
  }

  /** Provides `BREAKERS` everywhere. */
  static forRoot(options: BreakerModuleOptions = {}): DynamicModule {
    return BreakerModule.forRootAsync({ useFactory: () => options });
  }

  /** As `forRoot`, with options from a factory that may inject. */
  static forRootAsync({ imports = [], inject = [], useFactory }: BreakerModuleAsyncOptions): DynamicModule {
    const useHost = async (...args: never[]) => createBreakerHost(await useFactory(...args));
    return {
      module: BreakerModule,
      global: true,
      imports,
      providers: [
        { provide: HOST, useFactory: useHost, inject: [...inject] },
        { provide: BREAKERS, useFactory: ({ breakers }) => breakers as unknown, inject: [HOST] },
        { provide: APP_FILTER, useClass: BreakerErrorFilter },
      ],
      exports: [BREAKERS],
    };
  }

  /** Nest calls it before it mounts its own routes. */
  configure(): void {
    const admin = this.#admin;
    if (admin === undefined) return;
    const { httpAdapter } = this.#http;
    httpAdapter.get(admin.listPath, async (req: unknown, res: object) =>
      send(this.#http, res, await admin.answer(req)),
    );
    httpAdapter.post(admin.actionPath, async (req: { params: object }, res: object) =>
      send(this.#http, res, await admin.answer(req, req.params)),
    );
  }
}

/** By brand, so that another copy's errors count too: Nest asks with `instanceof`. */
class AnsweredError {
  static [Symbol.hasInstance](error: unknown): boolean {
    return toHttpAnswer(error) !== undefined;
  }
}

class BreakerErrorFilter implements ExceptionFilter {
  readonly #http: HttpAdapterHost;

  constructor(http: HttpAdapterHost) {
    this.#http = http;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw error;
    send(this.#http, host.switchToHttp().getResponse<object>(), toHttpAnswer(error)!);
  }
}

function send(
  { httpAdapter }: HttpAdapterHost,
  response: object,
  { status, headers, body }: HttpAnswer,
): void {
  for (const [name, value] of Object.entries(headers)) httpAdapter.setHeader(response, name, value);
  httpAdapter.reply(response, body, status);
}

Catch(AnsweredError)(BreakerErrorFilter);
Inject(HttpAdapterHost)(BreakerErrorFilter, undefined, 0);
Module({})(BreakerModule);
Inject(HOST)(BreakerModule, undefined, 0);
Inject(HttpAdapterHost)(BreakerModule, undefined, 1);
