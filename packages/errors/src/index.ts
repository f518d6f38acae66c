export {
  AppError,
  type AppErrorInit,
  type AppErrorOptions,
  type FieldError,
  isAppError,
} from './app-error.js';
export {
  type AnyCatalogue,
  defineErrors,
  type ErrorCatalogue,
  type ErrorDefinition,
  type ErrorFactory,
  type ResolvedDefinition,
} from './catalogue.js';
export { type CommonErrorCode, commonErrors } from './common-errors.js';
export type { DetailsInput, DetailsOutput, DetailsSchema } from './details-schema.js';
export type { GrpcStatusName } from './grpc-codes.js';
export type { ErrorMapper } from './mapping/stand-in.js';
export { type ProblemDetails, type ProblemOptions, toProblem } from './problem.js';
export { type SuccessEnvelope, successEnvelope } from './success-envelope.js';
export { toAppError, type ToAppErrorOptions } from './to-app-error.js';
export { type GrpcStatus, toGrpcStatus } from './to-grpc-status.js';
