import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { currentText, references } from '../scripts/reference.js';
import { commonErrors, defineErrors, errorsToMarkdown, errorsToOpenApi } from '../src/index.js';

const errors = defineErrors({
  BIZ_LIMIT: {
    status: 422,
    title: 'Limit | reached',
    details: z.object({ limit: z.string(), needed: z.number() }),
  },
  BIZ_ODD: {
    status: 400,
    title: 'Odd',
    details: { safeParse: () => ({ success: true as const, data: {} }) },
  },
  BIZ_TRANSFORMED: { status: 400, title: 'T', details: z.object({ at: z.string().transform(Number) }) },
  SYS_HIDDEN: { status: 503, title: 'Hidden', retryable: true, details: z.object({ host: z.string() }) },
});

describe('generated reference', () => {
  it.each(references)('$file.pathname is up to date', ({ file, content }) => {
    // pnpm --filter @kit/errors reference
    const isJson = file.pathname.endsWith('.json');
    const parse = (text: string): unknown => (isJson && text ? JSON.parse(text) : text);
    expect(parse(currentText(file))).toEqual(parse(content));
  });
});

describe('errorsToMarkdown', () => {
  it('has a row for each code, sorted, with the fields of its details', () => {
    const rows = errorsToMarkdown(errors).trim().split('\n').slice(2);
    expect(rows).toEqual([
      String.raw`| \`BIZ_LIMIT\` | 422 | Limit \| reached | \`FAILED_PRECONDITION\` | no | yes | \`limit\`, \`needed\` |`.replaceAll(
        '\\`',
        '`',
      ),
      '| `BIZ_ODD` | 400 | Odd | `INVALID_ARGUMENT` | no | yes | an object |',
      '| `BIZ_TRANSFORMED` | 400 | T | `INVALID_ARGUMENT` | no | yes | an object |',
      '| `SYS_HIDDEN` | 503 | Hidden | `UNAVAILABLE` | yes | no | `host` |',
    ]);
    for (const code of Object.keys(commonErrors))
      expect(errorsToMarkdown(commonErrors)).toContain(`| \`${code}\` |`);
  });
});

describe('errorsToOpenApi', () => {
  const components: any = errorsToOpenApi(errors).components;

  it('has a response for each code that refers to the schema of a problem', () => {
    expect(Object.keys(components.responses)).toEqual([
      'BIZ_LIMIT',
      'BIZ_ODD',
      'BIZ_TRANSFORMED',
      'SYS_HIDDEN',
    ]);
    const schema = components.responses.BIZ_LIMIT.content['application/problem+json'].schema;
    expect(schema.allOf[0]).toEqual({ $ref: '#/components/schemas/ProblemDetails' });
    expect(schema.allOf[1].properties).toMatchObject({
      code: { const: 'BIZ_LIMIT' },
      status: { const: 422 },
      details: { type: 'object', properties: { limit: { type: 'string' }, needed: { type: 'number' } } },
    });
    expect(components.schemas.ErrorCode.enum).toContain('SYS_HIDDEN');
  });

  it('promises details only where they are shown, and Retry-After where a retry helps', () => {
    const hidden = components.responses.SYS_HIDDEN;
    expect(hidden.content['application/problem+json'].schema.allOf[1].properties).not.toHaveProperty(
      'details',
    );
    expect(hidden.headers).toHaveProperty('Retry-After');
    expect(components.responses.BIZ_LIMIT).not.toHaveProperty('headers');
    expect(hidden.description).toBe('503 Service Unavailable: Hidden');
  });

  it('refers to nothing that it does not have', () => {
    const text = JSON.stringify(components);
    for (const [, name] of text.matchAll(/#\/components\/schemas\/(\w+)/g)) {
      expect(components.schemas).toHaveProperty(name!);
    }
  });
});
