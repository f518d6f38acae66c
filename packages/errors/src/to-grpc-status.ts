import { grpcStatusCodes, isGrpcStatusName, type GrpcStatusName } from './grpc-codes.js';
import { publicMessage } from './public-message.js';
import { toAppError } from './to-app-error.js';

/** What a gRPC server answers with: `callback({ code, details: message })`. */
export interface GrpcStatus {
  readonly code: number;
  readonly name: GrpcStatusName;
  readonly message: string;
}

/**
 * The gRPC status of anything that was thrown. The message is the one an HTTP caller would see.
 *
 * @example
 * ```ts
 * import { commonErrors, toGrpcStatus } from '@kit/errors';
 *
 * toGrpcStatus(commonErrors.RES_NOT_FOUND()); // { code: 5, name: 'NOT_FOUND', message: 'Not found' }
 * ```
 */
export function toGrpcStatus(error: unknown): GrpcStatus {
  const appError = toAppError(error);
  const name = isGrpcStatusName(appError.grpc) ? appError.grpc : 'UNKNOWN';
  return { code: grpcStatusCodes[name], name, message: publicMessage(appError) };
}
