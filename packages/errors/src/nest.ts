import {
  type ArgumentsHost,
  Catch,
  type DynamicModule,
  type ExceptionFilter,
  type FactoryProvider,
  Module,
  type ModuleMetadata,
  type ValidationError,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import {
  type AppError,
  createMonitorAnswers,
  createRequestErrorHandler,
  type ErrorHandlingOptions,
  type ErrorMonitor,
  fromClassValidator,
  type MonitorHandlerOptions,
  nodeContext,
  type NodeRequest,
  type RequestErrorHandler,
  type RequestHandler,
  sendAnswer,
} from './index.js';

/** The token under which the module's options are injected. */
export const ERRORS_OPTIONS = Symbol.for('@kit/errors.options');

/** Where the options of {@link ErrorsModule.forRootAsync} come from. */
export type ErrorsModuleAsyncOptions = Pick<ModuleMetadata, 'imports'> &
  Pick<FactoryProvider<ErrorHandlingOptions>, 'inject' | 'useFactory'>;

type Response = Parameters<RequestErrorHandler>[1];

class ErrorsFilter implements ExceptionFilter {
  readonly #handle;
  constructor(options?: ErrorHandlingOptions) {
    this.#handle = createRequestErrorHandler(options);
  }
  catch(exception: unknown, host: ArgumentsHost): void {
    // A queue or a socket has no response; Nest's own handling answers there.
    if (host.getType<string>() !== 'http') return;
    const http = host.switchToHttp();
    const response = http.getResponse<Response>();
    this.#handle(exception, response, nodeContext(http.getRequest<NodeRequest>()));
  }
}
Catch()(ErrorsFilter);

/**
 * A global filter that answers every error, and every request without a route, with a problem, on Express and on Fastify.
 *
 * @example
 * ```ts
 * import { Module } from '@nestjs/common';
 * import { ErrorsModule } from '@kit/errors/nest';
 *
 * class AppModule {}
 * Module({ imports: [ErrorsModule.forRoot({ typeBaseUrl: 'https://docs.example/errors/' })] })(AppModule);
 * ```
 */
export class ErrorsModule {
  /** @throws TypeError or RangeError that names the option, the rule and the value, when the application starts */
  static forRoot(options: ErrorHandlingOptions = {}): DynamicModule {
    return moduleWith({ provide: ERRORS_OPTIONS, useFactory: () => options });
  }
  /** Options from other providers, e.g. a logger. */
  static forRootAsync({ imports, ...options }: ErrorsModuleAsyncOptions): DynamicModule {
    return { ...moduleWith({ provide: ERRORS_OPTIONS, ...options }), ...(imports ? { imports } : undefined) };
  }
}
Module({})(ErrorsModule);

/** The exact field errors of a ValidationPipe: `new ValidationPipe({ exceptionFactory: validationExceptionFactory })`. */
export function validationExceptionFactory(errors: ValidationError[]): AppError {
  return fromClassValidator(errors);
}

/**
 * Shows a monitor's snapshot to whom `authorize` lets see it: `app.use('/admin/errors', monitorHandler(monitor, { authorize }))`.
 *
 * @throws TypeError without an `authorize` function
 */
export function monitorHandler(
  monitor: Pick<ErrorMonitor, 'snapshot'>,
  options: MonitorHandlerOptions<Parameters<RequestHandler>[0]>,
): RequestHandler {
  const answer = createMonitorAnswers(monitor, options);
  return (request, response, next) => {
    answer(request, nodeContext(request)).then((ready) => sendAnswer(response, ready), next);
  };
}

function moduleWith(options: FactoryProvider<ErrorHandlingOptions>): DynamicModule {
  return {
    module: ErrorsModule,
    providers: [
      options,
      {
        provide: APP_FILTER,
        useFactory: (o: ErrorHandlingOptions) => new ErrorsFilter(o),
        inject: [ERRORS_OPTIONS],
      },
    ],
  };
}
