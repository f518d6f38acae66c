import { type AppError, type ErrorMonitor, toProblem } from '@kit/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Failure } from '../domain/payment/payment.ts';
import { errors } from './errors.ts';

export type SendFailure = (
  request: FastifyRequest,
  reply: FastifyReply,
  failure: Failure | undefined,
  members: Record<string, unknown>,
) => FastifyReply;

/**
 * Answers for a payment or refund that is kept as `failed`: a problem with its code, and the resource beside it as
 * extension members (RFC 9457 §3.2). Where a partner is unavailable, it says when to come again.
 */
export function createSendFailure(monitor: ErrorMonitor, partnersBackInMs: () => number): SendFailure {
  return (request, reply, failure, members) => {
    const error = raise(failure?.code ?? 'SYS_PARTNER_FAILED', failure?.message);
    const { method, url, routeOptions } = request;
    monitor.record(error, { endpoint: `${method} ${routeOptions.url}` });
    if (error.code === 'SYS_PARTNER_UNAVAILABLE') {
      void reply.header('retry-after', Math.max(1, Math.ceil(partnersBackInMs() / 1_000)));
    }
    return reply
      .code(error.status)
      .header('cache-control', 'no-store')
      .type('application/problem+json')
      .send({ ...toProblem(error, { method, path: url }), ...members });
  };
}

/** Errors of the domain and of the idempotency keys, in the words of the catalogue. */
export function mapErrors(error: unknown): AppError | undefined {
  const { name, code, message, details } = Object(error) as Record<string, unknown>;
  if (code === 'KIT_TX_IDEMPOTENCY_MISMATCH') {
    return errors.VAL_IDEMPOTENCY_KEY_REUSED(undefined, { cause: error });
  }
  if (code === 'KIT_TX_IDEMPOTENCY_IN_PROGRESS') {
    return errors.RES_IDEMPOTENCY_IN_PROGRESS(undefined, { cause: error, retryAfterMs: 1_000 });
  }
  return name === 'DomainError' ? raise(String(code), String(message), Object(details), error) : undefined;
}

function raise(code: string, message?: string, details?: object, cause?: unknown): AppError {
  const factory = Object.hasOwn(errors, code)
    ? errors[code as 'SYS_INTERNAL_ERROR']
    : errors.SYS_INTERNAL_ERROR;
  return factory(details && { ...details }, { ...(message !== undefined && { message }), cause });
}
