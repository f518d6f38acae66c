import { errorsToOpenApi } from '@kit/errors';
import { z, type ZodType } from 'zod';
import { errors } from '../errors.ts';
import { type DocumentedRoute, routes } from './routes.ts';

/** The OpenAPI 3.1 document, from the schemas that validate and the catalogue that answers. */
export function openApiDocument(): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method] = operation(route);
  return {
    openapi: '3.1.0',
    info: { title: 'user-service', version: '0.0.0' },
    paths,
    components: {
      ...errorsToOpenApi(errors),
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    },
  };
}

function operation({ summary, status, body, query, answer, secured, errors: codes, path }: DocumentedRoute) {
  return {
    summary,
    ...(secured ? { security: [{ bearer: [] }] } : {}),
    parameters: [
      ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
        name,
        in: 'path',
        required: true,
        schema: { type: 'string', format: 'uuid' },
      })),
      ...queryParameters(query),
    ],
    ...(body
      ? { requestBody: { required: true, content: { 'application/json': { schema: inputSchema(body) } } } }
      : {}),
    responses: {
      [status]: {
        description: 'Done',
        ...(answer ? { content: { 'application/json': { schema: z.toJSONSchema(answer) } } } : {}),
      },
      default: {
        description: `A problem (RFC 9457) with one of the codes ${['SYS_INTERNAL_ERROR', ...codes].join(', ')}`,
        content: { 'application/problem+json': { schema: { type: 'object' } } },
      },
    },
  };
}

function queryParameters(query: ZodType | undefined) {
  if (!query) return [];
  const { properties = {} } = inputSchema(query) as { properties?: Record<string, unknown> };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema }));
}

const inputSchema = (schema: ZodType) => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
