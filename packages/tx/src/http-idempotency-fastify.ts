import {
  createHttpIdempotency,
  type HttpIdempotencyClaim,
  type HttpIdempotencyOptions,
  type HttpIdempotentRequest,
  keptBody,
} from './http-idempotency.js';

/** The part of a Fastify reply that is needed here. */
interface FastifyLikeReply {
  readonly statusCode: number;
  code(status: number): unknown;
  header(name: string, value: string): unknown;
  getHeader(name: string): unknown;
  send(payload: unknown): unknown;
}

/** The part of a Fastify instance that hooks are added to. */
export interface IdempotencyHookable<Request extends object> {
  addHook(name: 'preHandler', hook: (request: Request, reply: FastifyLikeReply) => Promise<unknown>): unknown;
  addHook(
    name: 'onSend',
    hook: (request: Request, reply: FastifyLikeReply, payload: unknown) => Promise<unknown>,
  ): unknown;
  addHook(name: 'onRequestAbort', hook: (request: Request) => Promise<unknown>): unknown;
}

/**
 * Idempotency keys for Fastify: keys are claimed when the body is parsed and valid, responses kept before they are sent.
 *
 * @internal
 */
export function addIdempotencyHooks<Request extends object & HttpIdempotentRequest>(
  app: IdempotencyHookable<Request>,
  options: HttpIdempotencyOptions<Request>,
): void {
  const begin = createHttpIdempotency(options);
  const claims = new WeakMap<Request, HttpIdempotencyClaim>();
  app.addHook('preHandler', async (request, reply) => {
    const outcome = await begin(request, request);
    if (outcome.kind === 'claimed') claims.set(request, outcome.claim);
    if (outcome.kind !== 'replay') return undefined;
    reply.code(outcome.response.status);
    for (const [name, value] of Object.entries(outcome.response.headers)) reply.header(name, value);
    reply.header('idempotency-replayed', 'true');
    return reply.send(keptBody(outcome.response));
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const claim = claims.get(request);
    claims.delete(request);
    // A stream can be read once: it goes to the client.
    const isWhole = payload == null || typeof payload === 'string' || payload instanceof Uint8Array;
    if (isWhole) await claim?.finish(reply.statusCode, (name) => reply.getHeader(name), payload ?? undefined);
    else await claim?.release();
    return payload;
  });
  app.addHook('onRequestAbort', async (request) => claims.get(request)?.letGo());
}
