import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { errorsToOpenApi } from '@kit/errors';
import type { FastifyPluginAsync } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { OpenAPIV3_1 } from 'openapi-types';
import { errors } from './errors.ts';

/** `/docs` for people, `/docs/json` for programs: written by the schemas that validate, with every error code. */
const plugin: FastifyPluginAsync = async (app) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'payment-service', version: '1.0.0', description: 'Payments, refunds, settlements.' },
      paths: operatorPaths,
      components: {
        securitySchemes: { adminToken: { type: 'http', scheme: 'bearer' } },
        ...(errorsToOpenApi(errors).components as OpenAPIV3_1.ComponentsObject),
      },
    },
    transform: withIdempotencyKey,
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
};

export const openApiPlugin = Object.assign(plugin, { [Symbol.for('skip-override')]: true });

const answer = (type: string, description: string) => ({ description, content: { [type]: {} } });
const get = (summary: string, responses: Record<string, ReturnType<typeof answer>>) => ({
  get: { tags: ['operators'], summary, responses },
});
const probe = (summary: string) =>
  get(summary, {
    200: answer('application/json', 'Yes, with the checks'),
    503: answer('application/json', 'No, with the checks'),
  });

/** What the plugins of health and metrics answer, which have no schemas. */
const operatorPaths = {
  '/health': get('Every check, for people', { 200: answer('application/json', 'The checks') }),
  '/health/live': probe('Is the process alive'),
  '/health/ready': probe('May requests come'),
  '/health/startup': probe('Has it started'),
  '/metrics': get('For Prometheus', { 200: answer('text/plain', 'The metrics') }),
};

/** The one header that a caller must know of; its check lies with its own error code, not with the schemas. */
const withIdempotencyKey: typeof jsonSchemaTransform = (route) => {
  const { schema, url } = jsonSchemaTransform(route);
  const changesSomething = route.route.method === 'POST' && url.startsWith('/v1/');
  if (!changesSomething) return { schema, url };
  const key = {
    type: 'string',
    minLength: 1,
    maxLength: 200,
    description: 'The request happens once a key; the same key again gives the same answer.',
  };
  const headers = { type: 'object', properties: { 'Idempotency-Key': key }, required: ['Idempotency-Key'] };
  return { schema: { ...schema, headers }, url };
};
