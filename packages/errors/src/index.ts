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
export { fromClassValidator } from './mapping/class-validator.js';
export {
  createErrorMonitor,
  type ErrorMonitor,
  type ErrorMonitorOptions,
  type ErrorMonitorSnapshot,
  type FingerprintCount,
  type RecordContext,
  type RecordedError,
} from './monitor.js';
export { createMonitorAnswers, type MonitorHandlerOptions } from './monitor-handler.js';
export { captureProcessErrors } from './process-errors.js';
export {
  createRequestErrorHandler,
  nodeContext,
  type NodeRequest,
  type RequestErrorHandler,
  type RequestHandler,
} from './request-errors.js';
export {
  createErrorResponder,
  type ErrorAnswer,
  type ErrorContext,
  type ErrorHandlingOptions,
  type ErrorLogger,
  type ErrorResponder,
} from './respond.js';
export { type Answer, type ReplyLike, sendAnswer } from './send.js';
export { type ErrorRaised, raisedChannelName } from './channels.js';
export { errorsToMarkdown } from './errors-to-markdown.js';
export { errorsToOpenApi, type OpenApiComponents } from './errors-to-openapi.js';
export { type ProblemDetails, type ProblemOptions, toProblem } from './problem.js';
export { type SuccessEnvelope, successEnvelope } from './success-envelope.js';
export { toAppError, type ToAppErrorOptions } from './to-app-error.js';
export { type GrpcStatus, toGrpcStatus } from './to-grpc-status.js';
