import { STATUS_CODES } from 'node:http';
import type { AnyCatalogue, ResolvedDefinition } from './catalogue.js';
import { jsonSchemaOf } from './details-schema.js';
import { problemMediaType } from './problem.js';

/** A part of an OpenAPI 3.1 document. */
export interface OpenApiComponents {
  readonly components: {
    readonly schemas: Readonly<Record<string, unknown>>;
    readonly responses: Readonly<Record<string, unknown>>;
  };
}

/**
 * The `components` of an OpenAPI 3.1 document for a catalogue: the schema of a problem, and a response for each code to
 * refer to (`{ $ref: '#/components/responses/RES_NOT_FOUND' }`).
 *
 * @example
 * ```ts
 * import { commonErrors, errorsToOpenApi } from '@kit/errors';
 *
 * const document = { openapi: '3.1.0', info: { title: 'Shop', version: '1' }, ...errorsToOpenApi(commonErrors) };
 * ```
 */
export function errorsToOpenApi(catalogue: AnyCatalogue): OpenApiComponents {
  const codes = Object.keys(catalogue).toSorted();
  const responses = codes.map((code) => [code, responseFor(catalogue[code]!.definition)] as const);
  return {
    components: {
      schemas: {
        ErrorCode: { type: 'string', enum: codes },
        FieldError: fieldErrorSchema,
        ProblemDetails: problemSchema,
      },
      responses: Object.fromEntries(responses),
    },
  };
}

function responseFor(definition: ResolvedDefinition): unknown {
  const { code, status, title, retryable, expose, details } = definition;
  const detailsSchema = expose && details ? (jsonSchemaOf(details) ?? { type: 'object' }) : undefined;
  return {
    description: `${status} ${STATUS_CODES[status] ?? ''}: ${title}`.replace(' :', ':'),
    ...(retryable ? { headers: { 'Retry-After': retryAfterHeader } } : undefined),
    content: {
      [problemMediaType]: {
        schema: {
          allOf: [
            { $ref: '#/components/schemas/ProblemDetails' },
            {
              type: 'object',
              properties: {
                code: { const: code },
                status: { const: status },
                ...(detailsSchema ? { details: detailsSchema } : undefined),
              },
            },
          ],
        },
      },
    },
  };
}

const retryAfterHeader = {
  description: 'Seconds to wait before trying again',
  schema: { type: 'integer', minimum: 0 },
};

const text = { type: 'string' };
const fieldErrorSchema = {
  type: 'object',
  required: ['pointer', 'field', 'code', 'detail'],
  properties: {
    pointer: { type: 'string', examples: ['#/items/1/amount'] },
    field: { type: 'string', examples: ['items[1].amount'] },
    code: text,
    detail: text,
  },
};
const problemSchema = {
  type: 'object',
  description: 'RFC 9457 problem details',
  required: [
    'type',
    'title',
    'status',
    'detail',
    'instance',
    'code',
    'message',
    'timestamp',
    'traceId',
    'requestId',
  ],
  properties: {
    type: { type: 'string', format: 'uri' },
    title: text,
    status: { type: 'integer', minimum: 400, maximum: 599 },
    detail: text,
    instance: { type: 'string', format: 'uri' },
    code: { $ref: '#/components/schemas/ErrorCode' },
    message: { type: 'string', description: 'The same text as detail' },
    timestamp: { type: 'string', format: 'date-time' },
    path: text,
    method: text,
    traceId: { type: 'string', pattern: '^[0-9a-f]{8}$' },
    requestId: text,
    errors: { type: 'array', items: { $ref: '#/components/schemas/FieldError' } },
    details: { description: 'What the code documents' },
  },
};
