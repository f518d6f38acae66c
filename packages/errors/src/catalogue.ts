import { AppError, type AppErrorOptions } from './app-error.js';
import {
  checkDetails,
  type DetailsInput,
  type DetailsOutput,
  type DetailsSchema,
  isDetailsSchema,
} from './details-schema.js';
import { show } from './read.js';
import { defaultGrpcStatus, type GrpcStatusName, isGrpcStatusName } from './grpc-codes.js';

/** One code of a catalogue, as it is written down. */
export interface ErrorDefinition<Schema = undefined> {
  /** HTTP status, 400 to 599. */
  status: number;
  /** A short summary that never changes from one occurrence to the next (RFC 9457 §3.1.3). */
  title: string;
  /** The message, or how to make it from the details. @default the title */
  message?: string | ((details: DetailsOutput<Schema>) => string) | undefined;
  /** The canonical gRPC status. @default what gRPC uses for the HTTP status */
  grpc?: GrpcStatusName | undefined;
  /** Whether the same call may succeed later. @default false */
  retryable?: boolean | undefined;
  /** Whether message, details and field errors are shown to callers. @default status < 500 */
  expose?: boolean | undefined;
  /** A Standard Schema (zod 4, valibot, arktype) for the details. */
  details?: Schema | undefined;
}

/** A definition with its defaults filled in. */
export interface ResolvedDefinition {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  /** The message where it is always the same. */
  readonly constantMessage: string | undefined;
  readonly grpc: GrpcStatusName;
  readonly retryable: boolean;
  readonly expose: boolean;
  readonly details: DetailsSchema | undefined;
}

/** Makes the errors of one code: `errors.BIZ_LIMIT({ limit: '1.00' }, { cause })`. */
export interface ErrorFactory<Code extends string = string, Schema = undefined> {
  (...args: FactoryArguments<Schema>): AppError<Code, DetailsOutput<Schema>>;
  readonly code: Code;
  readonly definition: ResolvedDefinition;
}

type FactoryArguments<Schema> =
  undefined extends DetailsInput<Schema>
    ? [details?: DetailsInput<Schema>, options?: AppErrorOptions]
    : [details: DetailsInput<Schema>, options?: AppErrorOptions];

/** A frozen record of factories, one a code. */
export type ErrorCatalogue<Schemas extends object> = {
  readonly [Code in keyof Schemas & string]: ErrorFactory<Code, Schemas[Code]>;
};

/** Any catalogue, for functions that only look at the definitions. */
export type AnyCatalogue = Readonly<
  Record<string, { readonly code: string; readonly definition: ResolvedDefinition }>
>;

/**
 * Defines error codes. The result is frozen: a function for each code, which takes details of the schema's type.
 *
 * @param definitions one entry a code; codes match `^(SYS|AUTH|VAL|RES|BIZ)_[A-Z0-9_]*[A-Z0-9]$`, at most 63 characters
 * @param options `base`: a catalogue to extend; a code that it already has is refused
 * @throws RangeError or TypeError that names the code, the rule and the value
 * @example
 * ```ts
 * import { commonErrors, defineErrors } from '@kit/errors';
 * import { z } from 'zod';
 *
 * const errors = defineErrors(
 *   {
 *     BIZ_DAILY_LIMIT_EXCEEDED: {
 *       status: 422,
 *       title: 'Daily limit exceeded',
 *       message: (d) => `${d.needed} would exceed the daily limit of ${d.limit}`,
 *       details: z.object({ limit: z.string(), needed: z.string() }),
 *     },
 *   },
 *   { base: commonErrors },
 * );
 * throw errors.BIZ_DAILY_LIMIT_EXCEEDED({ limit: '1.00', needed: '2.00' });
 * ```
 */
export function defineErrors<Schemas extends Record<string, unknown>, Base extends object = object>(
  definitions: { [Code in keyof Schemas]: ErrorDefinition<Schemas[Code]> },
  options: { base?: Base | undefined } = {},
): ErrorCatalogue<Schemas> & Base {
  if (typeof definitions !== 'object' || definitions === null) {
    throw new TypeError(`definitions must be an object of codes, got ${show(definitions)}`);
  }
  const base = checkBase(options.base);
  const factories: Record<string, unknown> = { ...base };
  for (const [code, definition] of Object.entries(definitions)) {
    checkCode(code);
    if (Object.hasOwn(factories, code))
      throw new RangeError(`code must be new, got ${code}, which the base already has`);
    factories[code] = createFactory(code, definition);
  }
  return Object.freeze(factories) as ErrorCatalogue<Schemas> & Base;
}

const codePattern = /^(SYS|AUTH|VAL|RES|BIZ)_[A-Z0-9_]*[A-Z0-9]$/;
const maxCodeLength = 63;

/** Whether a text can be the code of an error. */
export function isErrorCode(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxCodeLength && codePattern.test(value);
}

function createFactory(code: string, definition: ErrorDefinition<DetailsSchema>): ErrorFactory {
  const resolved = resolveDefinition(code, definition);
  const { message } = definition;

  const raiseCatalogued = (details?: unknown, options: AppErrorOptions = {}): AppError => {
    const checked = resolved.details ? checkDetails(resolved.details, details) : undefined;
    const valid = checked ? (checked.ok ? checked.value : undefined) : details;
    // Details that do not fit could make any message; the title says what is certain.
    const text = options.message ?? (checked?.ok === false ? undefined : writeMessage(message, valid));
    const { status, title, expose, retryable, grpc } = resolved;
    const { retryAfterMs, errors } = options;
    return new AppError({
      code,
      status,
      title,
      expose,
      retryable,
      grpc,
      retryAfterMs,
      errors,
      message: text,
      details: valid,
      ...('cause' in options ? { cause: options.cause } : undefined),
      ...(checked?.ok === false ? { detailsProblem: checked.problem } : undefined),
    });
  };
  Object.defineProperties(raiseCatalogued, {
    code: { value: code, enumerable: true },
    definition: { value: resolved, enumerable: true },
  });
  return Object.freeze(raiseCatalogued) as unknown as ErrorFactory;
}

function writeMessage(message: ErrorDefinition['message'], details: unknown): string | undefined {
  if (typeof message !== 'function') return message;
  try {
    const text: unknown = (message as (details: unknown) => unknown)(details);
    return typeof text === 'string' ? text : undefined;
  } catch {
    // The error at hand matters more than the one in its message.
    return undefined;
  }
}

function resolveDefinition(code: string, definition: ErrorDefinition<DetailsSchema>): ResolvedDefinition {
  if (typeof definition !== 'object' || definition === null) {
    throw new TypeError(`${code} must be an object, got ${show(definition)}`);
  }
  const { status, title, message, grpc, retryable, expose, details } = definition;
  if (!Number.isInteger(status) || status < 400 || status > 599) {
    throw new RangeError(`${code}.status must be an integer from 400 to 599, got ${show(status)}`);
  }
  if (typeof title !== 'string' || title.trim() === '') {
    throw new TypeError(`${code}.title must be a text that is not empty, got ${show(title)}`);
  }
  if (message !== undefined && typeof message !== 'string' && typeof message !== 'function') {
    throw new TypeError(`${code}.message must be a string or a function, got ${show(message)}`);
  }
  if (grpc !== undefined && !isGrpcStatusName(grpc)) {
    throw new RangeError(`${code}.grpc must be the name of a gRPC status, got ${show(grpc)}`);
  }
  for (const [key, value] of Object.entries({ retryable, expose })) {
    if (value !== undefined && typeof value !== 'boolean') {
      throw new TypeError(`${code}.${key} must be a boolean, got ${show(value)}`);
    }
  }
  if (details !== undefined && !isDetailsSchema(details)) {
    throw new TypeError(`${code}.details must be a Standard Schema or have safeParse, got ${show(details)}`);
  }
  return Object.freeze({
    code,
    status,
    title,
    constantMessage: typeof message === 'string' ? message : undefined,
    grpc: grpc ?? defaultGrpcStatus(status),
    retryable: retryable ?? false,
    expose: expose ?? status < 500,
    details,
  });
}

function checkCode(code: string): void {
  if (!codePattern.test(code))
    throw new RangeError(`code must match ${codePattern.source}, got ${show(code)}`);
  if (code.length > maxCodeLength) {
    throw new RangeError(`code must have at most ${maxCodeLength} characters, got ${code.length} in ${code}`);
  }
}

function checkBase(base: unknown): object {
  if (base === undefined) return {};
  if (typeof base !== 'object' || base === null) {
    throw new TypeError(`base must be a catalogue made by defineErrors, got ${show(base)}`);
  }
  for (const [code, factory] of Object.entries(base)) {
    if (typeof factory !== 'function' || !('definition' in factory)) {
      throw new TypeError(`base must be a catalogue made by defineErrors, got ${show(factory)} at ${code}`);
    }
  }
  return base;
}
