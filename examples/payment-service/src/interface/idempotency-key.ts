import type { FastifyRequest } from 'fastify';
import { errors } from './errors.ts';

/** Visible ASCII, as people put into headers; at most 200 characters. */
const pattern = /^[\x21-\x7e]{1,200}$/;

/** The key under which this request happens once. A header sent twice arrives joined with a comma and a blank: refused. */
export function idempotencyKeyOf(request: FastifyRequest): string {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string' || key === '') {
    throw errors.VAL_IDEMPOTENCY_KEY(undefined, { message: 'the header Idempotency-Key is required' });
  }
  if (!pattern.test(key)) {
    throw errors.VAL_IDEMPOTENCY_KEY(undefined, {
      message: 'Idempotency-Key must be 1 to 200 visible ASCII characters',
    });
  }
  return key;
}
