import { defineErrors } from './catalogue.js';

/**
 * The codes that every service needs. Extend them with `defineErrors(own, { base: commonErrors })`.
 *
 * @example
 * ```ts
 * import { commonErrors } from '@kit/errors';
 *
 * throw commonErrors.RES_NOT_FOUND({ orderId: '42' });
 * ```
 */
export const commonErrors = defineErrors({
  SYS_INTERNAL_ERROR: { status: 500, title: 'Internal error', grpc: 'INTERNAL' },
  SYS_DATABASE_ERROR: { status: 500, title: 'Database error', grpc: 'INTERNAL' },
  SYS_UNAVAILABLE: { status: 503, title: 'Service unavailable', grpc: 'UNAVAILABLE', retryable: true },
  SYS_TIMEOUT: { status: 504, title: 'Timeout', grpc: 'DEADLINE_EXCEEDED', retryable: true },
  SYS_UPSTREAM_ERROR: { status: 502, title: 'Upstream error', grpc: 'UNAVAILABLE', retryable: true },
  SYS_RATE_LIMITED: { status: 429, title: 'Too many requests', grpc: 'RESOURCE_EXHAUSTED', retryable: true },
  AUTH_FAILED: { status: 401, title: 'Authentication failed', grpc: 'UNAUTHENTICATED' },
  AUTH_TOKEN_EXPIRED: { status: 401, title: 'Token expired', grpc: 'UNAUTHENTICATED' },
  AUTH_FORBIDDEN: { status: 403, title: 'Forbidden', grpc: 'PERMISSION_DENIED' },
  VAL_INVALID_INPUT: { status: 400, title: 'Invalid input', grpc: 'INVALID_ARGUMENT' },
  VAL_REQUIRED_FIELD: { status: 400, title: 'Required field missing', grpc: 'INVALID_ARGUMENT' },
  VAL_TOO_LARGE: { status: 413, title: 'Input too large', grpc: 'RESOURCE_EXHAUSTED' },
  VAL_UNSUPPORTED_MEDIA: { status: 415, title: 'Unsupported media type', grpc: 'INVALID_ARGUMENT' },
  RES_NOT_FOUND: { status: 404, title: 'Not found', grpc: 'NOT_FOUND' },
  RES_ALREADY_EXISTS: { status: 409, title: 'Already exists', grpc: 'ALREADY_EXISTS' },
  RES_CONFLICT: { status: 409, title: 'Conflict', grpc: 'ABORTED' },
  BIZ_INSUFFICIENT_BALANCE: { status: 422, title: 'Insufficient balance', grpc: 'FAILED_PRECONDITION' },
  BIZ_INVALID_OPERATION: { status: 422, title: 'Invalid operation', grpc: 'FAILED_PRECONDITION' },
});

/** The codes of {@link commonErrors}. */
export type CommonErrorCode = keyof typeof commonErrors;
