import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { addTraceHooks, type TraceOptions } from './index.js';

const register: FastifyPluginAsync<TraceOptions<FastifyRequest>> = async (fastify, options) => {
  addTraceHooks(fastify, options);
};

/**
 * Gives every request a trace, its response headers and a request log. Register it first.
 *
 * @throws RangeError or TypeError that names the wrong option, when the instance gets ready.
 * @example
 * ```ts
 * import fastify from 'fastify';
 * import { tracePlugin } from '@kit/trace/fastify';
 *
 * const app = fastify();
 * await app.register(tracePlugin, { slowMs: 500 });
 * ```
 */
export const tracePlugin: FastifyPluginAsync<TraceOptions<FastifyRequest>> = Object.assign(register, {
  // What fastify-plugin does: the hook belongs to the instance that registers, not to a child of it.
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@kit/trace',
});
