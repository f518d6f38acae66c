import { errorsToOpenApi } from '@kit/errors';
import { z, type ZodType } from 'zod';
import { errors } from '../errors.ts';
import { type Code, type DocumentedRoute, routes } from './routes.ts';

/** The OpenAPI 3.1 document, from the schemas that validate and the catalogue that answers. */
export function openApiDocument(): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method] = operation(route);
  return {
    openapi: '3.1.0',
    info: { title: 'user-service', version: '0.0.0' },
    paths,
    components: {
      ...errorsToOpenApi(errors).components,
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    },
  };
}

function operation(route: DocumentedRoute) {
  const { summary, status, body, query, answer, answerType, secured, path } = route;
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
        ...(answer
          ? { content: { [answerType ?? 'application/json']: { schema: z.toJSONSchema(answer) } } }
          : {}),
      },
      ...problems(codesOf(route)),
    },
  };
}

/** A route's own codes, and those of everything that takes a body or wants a token. */
const codesOf = ({ body, secured, errors: own }: DocumentedRoute): Code[] => [
  ...new Set<Code>([
    ...own,
    ...(body ? (['VAL_INVALID_INPUT', 'VAL_TOO_LARGE', 'VAL_UNSUPPORTED_MEDIA'] as const) : []),
    ...(secured ? (['AUTH_FAILED', 'AUTH_TOKEN_EXPIRED'] as const) : []),
  ]),
];

/** The answers of the catalogue, by status: one code is referred to, several share a description. */
function problems(codes: readonly Code[]): Record<string, unknown> {
  const byStatus = Object.groupBy([...codes, 'SYS_INTERNAL_ERROR'] satisfies Code[], (code) =>
    String(errors[code].definition.status),
  );
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, sharing = []]) => [
      status,
      sharing.length === 1
        ? { $ref: `#/components/responses/${sharing[0]}` }
        : {
            description: sharing.join(', '),
            content: {
              'application/problem+json': { schema: { $ref: '#/components/schemas/ProblemDetails' } },
            },
          },
    ]),
  );
}

function queryParameters(query: ZodType | undefined) {
  if (!query) return [];
  const { properties = {} } = inputSchema(query) as { properties?: Record<string, unknown> };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema }));
}

const inputSchema = (schema: ZodType) => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
