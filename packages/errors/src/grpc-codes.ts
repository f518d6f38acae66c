/** The canonical status codes of gRPC (grpc/grpc, doc/statuscodes.md). */
export const grpcStatusCodes = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** The name of a gRPC status, e.g. `FAILED_PRECONDITION`. */
export type GrpcStatusName = keyof typeof grpcStatusCodes;

/** The gRPC status nearest to an HTTP status (googleapis, google/rpc/code.proto, "HTTP Mapping"). */
export function defaultGrpcStatus(httpStatus: number): GrpcStatusName {
  return byHttpStatus.get(httpStatus) ?? (httpStatus < 500 ? 'INVALID_ARGUMENT' : 'INTERNAL');
}

/** Whether a value names a gRPC status. */
export function isGrpcStatusName(value: unknown): value is GrpcStatusName {
  return typeof value === 'string' && Object.hasOwn(grpcStatusCodes, value);
}

const byHttpStatus = new Map<number, GrpcStatusName>([
  [400, 'INVALID_ARGUMENT'],
  [401, 'UNAUTHENTICATED'],
  [403, 'PERMISSION_DENIED'],
  [404, 'NOT_FOUND'],
  [409, 'ABORTED'],
  [410, 'NOT_FOUND'],
  [412, 'FAILED_PRECONDITION'],
  [422, 'FAILED_PRECONDITION'],
  [429, 'RESOURCE_EXHAUSTED'],
  [501, 'UNIMPLEMENTED'],
  [502, 'UNAVAILABLE'],
  [503, 'UNAVAILABLE'],
  [504, 'DEADLINE_EXCEEDED'],
]);
