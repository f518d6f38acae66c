import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { errorsToOpenApi } from '@kit/errors';
import type { FastifyPluginAsync } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { errors } from './errors.ts';

/** `/docs` for people, `/docs/json` for programs: written by the schemas that validate, with every error code. */
const plugin: FastifyPluginAsync = async (app) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'payment-service', version: '1.0.0', description: 'Payments, refunds, settlements.' },
      components: {
        securitySchemes: { adminToken: { type: 'http', scheme: 'bearer' } },
        ...errorsToOpenApi(errors),
      },
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
};

export const openApiPlugin = Object.assign(plugin, { [Symbol.for('skip-override')]: true });
