import { currentContext, runInContext } from './context.js';
import { createPositions } from './positions.js';

/**
 * Runs `fn` as one request: its reads see its own writes, whichever replica serves them, and other requests' do not
 * keep them from the replicas. The HTTP adapters do this; call it around a job or a message.
 *
 * @example
 * await runWithReadYourWrites(async () => {
 *   await tm.run(async () => void (await tm.db('user').insert({ name: 'Ada' })));
 *   await tm.read(async () => tm.db('user').where({ name: 'Ada' }).first());
 * });
 */
export function runWithReadYourWrites<T>(fn: () => T): T {
  return runInContext({ ...currentContext(), positions: createPositions() }, fn);
}

/** What Fastify offers for hooks; the adapters for Fastify and for Nest on it share what is done there. */
export interface TxHookableFastify {
  addHook(
    name: 'onRequest' | 'preValidation',
    hook: (request: object, reply: unknown, done: () => void) => void,
  ): unknown;
}

/** @internal */
export function createTxHandler(): (request: unknown, response: unknown, next: () => void) => void {
  return (_request, _response, next) => runWithReadYourWrites(next);
}

/** @internal */
export function addTxHooks(fastify: TxHookableFastify): void {
  const contexts = new WeakMap<object, ReturnType<typeof currentContext>>();
  fastify.addHook('onRequest', (request, _reply, done) =>
    runWithReadYourWrites(() => {
      contexts.set(request, currentContext());
      done();
    }),
  );
  // Reading a body leaves the context of the first hook.
  fastify.addHook('preValidation', (request, _reply, done) =>
    runInContext({ ...currentContext(), positions: contexts.get(request)?.positions }, done),
  );
}
