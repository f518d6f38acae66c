import 'reflect-metadata';
import { BadRequestException, ValidationPipe } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsDefined, IsNumber, IsString, ValidateNested, ValidationError } from 'class-validator';
import fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import * as mini from 'zod/mini';
import { toAppError, toProblem } from '../src/index.js';
import { validationExceptionFactory } from '../src/nest.js';

const failureOf = (schema: { safeParse(value: unknown): { error?: unknown } }, value: unknown) =>
  toAppError(schema.safeParse(value).error);

describe('toAppError, zod 4', () => {
  it('makes one entry an issue, with pointer, field and code', () => {
    const schema = z.object({ items: z.array(z.object({ amount: z.number() })), name: z.string().min(3) });
    const error = failureOf(schema, { items: [{ amount: 1 }, { amount: 'x' }], name: 'ab' });
    expect(error).toMatchObject({ code: 'VAL_INVALID_INPUT', status: 400, message: '2 fields are invalid' });
    expect(toProblem(error).errors).toEqual([
      {
        pointer: '#/items/1/amount',
        field: 'items[1].amount',
        code: 'invalid_type',
        detail: expect.stringContaining('expected number'),
      },
      { pointer: '#/name', field: 'name', code: 'too_small', detail: expect.any(String) },
    ]);
  });

  it('expands unrecognized keys', () => {
    const error = failureOf(z.strictObject({ a: z.object({}).strict() }), { a: { x: 1 }, b: 1, c: 1 });
    expect(error.errors!.map(({ field, code }) => [field, code])).toEqual([
      ['a.x', 'unrecognized_keys'],
      ['b', 'unrecognized_keys'],
      ['c', 'unrecognized_keys'],
    ]);
  });

  it('says VAL_REQUIRED_FIELD for what is missing, in every language of zod', () => {
    const schema = z.object({ a: z.string(), b: z.object({ c: z.number() }), d: z.array(z.string()) });
    const expected = ['a', 'b', 'd'].map((field) => ({
      pointer: `#/${field}`,
      field,
      code: 'VAL_REQUIRED_FIELD',
      detail: 'is required',
    }));
    expect(failureOf(schema, {}).errors).toEqual(expected);
    z.config(z.locales.de());
    expect(failureOf(schema, {}).errors).toEqual(expected);
    z.config(z.locales.en());
  });

  it.each([
    ['the object whose type matched', { value: { n: 'x' } }, ['value.n', 'invalid_type']],
    ['the object whose literal matched', { value: { kind: 'b', size: 'x' } }, ['value.size', 'invalid_type']],
  ])('flattens a union to the closest branch: %s', (_case, input, expected) => {
    const schema = z.object({
      value: z.union([
        z.string(),
        'n' in input.value ? z.object({ n: z.number() }) : z.object({ kind: z.literal('a'), n: z.number() }),
        z.object({ kind: z.literal('b'), size: z.number() }),
      ]),
    });
    const { errors } = failureOf(schema, input);
    expect(errors!.map(({ field, code }) => [field, code])).toEqual([expected]);
  });

  it('finds the closest branch by type, then by literals, then by the number and the depth of complaints', () => {
    const fieldsOf = (branches: [z.ZodType, z.ZodType], value: unknown) =>
      failureOf(z.union(branches), value).errors!.map(({ field }) => field);
    const number = z.number();
    expect(fieldsOf([z.string(), z.object({ a: number, b: number })], { a: '', b: '' })).toEqual(['a', 'b']);
    const cube = z.object({ kind: z.literal('cube'), size: number, weight: number });
    expect(
      fieldsOf([z.object({ kind: z.literal('dot') }), cube], { kind: 'cube', size: '', weight: '' }),
    ).toEqual(['size', 'weight']);
    const deep = z.object({ a: number, b: z.object({ c: number }) });
    expect(fieldsOf([z.object({ a: number, b: number }), deep], { a: '', b: { c: '' } })).toEqual([
      'a',
      'b.c',
    ]);
  });

  it('flattens unions in unions, and keeps a discriminator that fits no branch', () => {
    const inner = z.union([z.object({ x: z.number() }), z.object({ y: z.number(), z: z.number() })]);
    const nested = failureOf(z.object({ u: z.union([z.string(), inner]) }), { u: { x: 'no' } });
    expect(nested.errors!.map(({ field }) => field)).toEqual(['u.x']);
    const kinds = z.discriminatedUnion('t', [
      z.object({ t: z.literal('a') }),
      z.object({ t: z.literal('b') }),
    ]);
    expect(failureOf(kinds, { t: 'c' }).errors).toMatchObject([{ field: 't', code: 'invalid_union' }]);
  });

  it('escapes pointers (RFC 6901) and quotes odd keys', () => {
    const schema = z.object({ 'a/b~c': z.number(), 'ä b': z.number() });
    expect(
      failureOf(schema, { 'a/b~c': '', 'ä b': '' }).errors!.map(({ pointer, field }) => [pointer, field]),
    ).toEqual([
      ['#/a~1b~0c', '["a/b~c"]'],
      ['#/%C3%A4%20b', '["ä b"]'],
    ]);
  });

  it('writes indexes and names as JavaScript does, and cuts what is longer than 512 characters', () => {
    const long = 'k'.repeat(600);
    const schema = z.object({
      list: z.array(z.number()),
      '1a': z.number(),
      a1: z.number(),
      [long]: z.number(),
    });
    const list = Array.from({ length: 13 }, (_, index) => (index === 12 ? '' : 1));
    const { errors } = failureOf(schema, { list, '1a': '', a1: '', [long]: '' });
    expect(errors!.slice(0, 3).map(({ field }) => field)).toEqual(['list[12]', '["1a"]', 'a1']);
    expect(errors![3]!.field).toBe(`${'k'.repeat(511)}…`);
    expect(failureOf(z.object({ [long.slice(0, 512)]: z.number() }), {}).errors![0]!.field).toHaveLength(512);
    expect(failureOf(z.object({ [long.slice(0, 512)]: z.number() }), {}).errors![0]!.field).not.toContain(
      '…',
    );
  });

  it('takes a field for missing where zod 3 says so too, but not where a sentence of the user does', () => {
    const old = {
      name: 'ZodError',
      issues: [{ code: 'invalid_type', received: 'undefined', message: 'Required' }],
    };
    expect(toAppError(Object.assign(new Error('x'), old)).errors).toMatchObject([
      { pointer: '#', code: 'VAL_REQUIRED_FIELD' },
    ]);
    const refined = failureOf(
      z.string().refine(() => false, 'must not be undefined behaviour'),
      'x',
    );
    expect(refined.errors).toMatchObject([{ code: 'custom', detail: 'must not be undefined behaviour' }]);
  });

  it('points at the whole input when the input itself is wrong', () => {
    expect(failureOf(z.string(), 5)).toMatchObject({
      message: '1 field is invalid',
      errors: [{ pointer: '#', field: '' }],
    });
  });

  it('knows zod/mini and errors that were thrown', () => {
    expect(failureOf(mini.object({ a: mini.string() }), {}).errors).toHaveLength(1);
    const thrown: unknown[] = [];
    try {
      z.string().parse(1);
    } catch (error) {
      thrown.push(error);
    }
    expect(toAppError(thrown[0]).code).toBe('VAL_INVALID_INPUT');
  });

  it('sends a hundred entries at most and counts all; half a surrogate as a key is survived', () => {
    const input = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`key${index}\ud800`, 1]));
    const error = failureOf(z.strictObject({}), input);
    expect(error.message).toBe('500 fields are invalid');
    expect(error.errors).toHaveLength(100);
  });

  it('hides a message of a refinement that tells something internal', () => {
    const schema = z.string().refine(() => false, 'select * from users failed at postgres://a:b@db/x');
    expect(toProblem(failureOf(schema, 'x')).errors![0]!.detail).toBe('is invalid');
  });

  it.each([
    ['no issues', { name: 'ZodError' }],
    ['an empty list', { name: 'ZodError', issues: [] }],
  ])('leaves a ZodError with %s to the others', (_case, fields) => {
    expect(toAppError(Object.assign(new Error('x'), fields)).code).toBe('SYS_INTERNAL_ERROR');
  });

  it('survives issues of any shape', () => {
    const issues = [
      null,
      1,
      'x',
      { path: [{ key: 'a' }, Symbol('s'), null], message: 5 },
      { code: 'invalid_union', errors: [[], 'x'] },
    ];
    expect(toAppError(Object.assign(new Error('x'), { name: 'ValiError', issues })).errors).toHaveLength(5);
  });

  it('survives keys that cannot be printed', () => {
    const hostile = Object.create(null) as object;
    const issues = [{ path: [hostile] }, { code: 'unrecognized_keys', keys: [hostile] }];
    expect(toAppError(Object.assign(new Error('x'), { name: 'ZodError', issues })).errors).toHaveLength(2);
    expect(toAppError(new BadRequestException({ message: [hostile] })).errors).toHaveLength(1);
  });

  it('survives a union that contains itself', () => {
    const issue = { code: 'invalid_union', path: ['a'], errors: [] as unknown[] };
    issue.errors.push([issue]);
    const { errors } = toAppError(Object.assign(new Error('x'), { name: 'ZodError', issues: [issue] }));
    expect(errors!.map(({ field }) => field)).toEqual([Array.from({ length: 17 }, () => 'a').join('.')]);
  });

  it('flattens nothing but unions', () => {
    const inner = { code: 'custom', path: ['b'], message: 'inner' };
    const issues = [{ code: 'custom', path: ['a'], message: 'outer', errors: [[inner]] }];
    expect(toAppError(Object.assign(new Error('x'), { name: 'ZodError', issues })).errors).toMatchObject([
      { field: 'a', detail: 'outer' },
    ]);
  });

  it('leaves an error with issues that is of no validator to the others', () => {
    const issues = [{ path: ['a'], message: 'x' }];
    const error = Object.assign(new Error('x'), { name: 'TrackerError', issues });
    expect(toAppError(error).code).toBe('SYS_INTERNAL_ERROR');
  });
});

describe('toAppError, Fastify validation', () => {
  it('maps every issue of a real validation', async () => {
    const app = fastify({
      ajv: { customOptions: { allErrors: true, removeAdditional: false, coerceTypes: false } },
    });
    let caught: unknown;
    app.setErrorHandler((error, _request, reply) => {
      caught = error;
      void reply.code(400).send({});
    });
    const body = {
      type: 'object',
      required: ['name'],
      additionalProperties: false,
      properties: {
        name: {},
        items: { type: 'array', items: { type: 'object', properties: { amount: { type: 'number' } } } },
      },
    };
    app.post('/', { schema: { body } }, () => ({}));
    await app.inject({ method: 'POST', url: '/', payload: { items: [{}, { amount: 'x' }], extra: 1 } });
    await app.close();
    const error = toAppError(caught);
    expect(error).toMatchObject({ code: 'VAL_INVALID_INPUT', status: 400, message: '3 fields are invalid' });
    expect(error.errors!.map(({ pointer, code, detail }) => [pointer, code, detail])).toEqual([
      ['#/name', 'VAL_REQUIRED_FIELD', 'is required'],
      ['#/extra', 'additionalProperties', 'is not a known field'],
      ['#/items/1/amount', 'type', 'must be number'],
    ]);
  });

  it('points at a key that is empty, and has a sentence for an issue without one', () => {
    const validation = [{ instancePath: '/a//b' }];
    expect(toAppError(Object.assign(new Error('x'), { validation })).errors).toEqual([
      { pointer: '#/a//b', field: 'a[""].b', code: 'invalid', detail: 'is invalid' },
    ]);
  });
});

class Item {
  @IsNumber() amount!: number;
}
class Order {
  @IsDefined() id!: string;
  @IsString() note!: string;
  @ValidateNested({ each: true })
  @Type(() => Item)
  items!: Item[];
}

describe("toAppError, Nest's ValidationPipe", () => {
  const input = { note: 5, items: [{ amount: 1 }, { amount: 'x' }], extra: 1 };
  const metadata = { type: 'body', metatype: Order } as const;
  const options = { whitelist: true, forbidNonWhitelisted: true };
  const failure = async (pipe: ValidationPipe) => {
    try {
      await pipe.transform(structuredClone(input), metadata);
    } catch (error) {
      return error;
    }
    throw new Error('the pipe should have failed');
  };

  it('makes an entry of each message', async () => {
    const thrown = await failure(new ValidationPipe(options));
    expect(thrown).toBeInstanceOf(BadRequestException);
    const error = toAppError(thrown);
    expect(error).toMatchObject({ code: 'VAL_INVALID_INPUT', status: 400, message: '4 fields are invalid' });
    expect(error.errors).toEqual(
      expect.arrayContaining([
        {
          pointer: '#/id',
          field: 'id',
          code: 'VAL_REQUIRED_FIELD',
          detail: 'should not be null or undefined',
        },
        { pointer: '#/note', field: 'note', code: 'invalid', detail: 'must be a string' },
        { pointer: '#/extra', field: 'extra', code: 'whitelistValidation', detail: 'is not a known field' },
        {
          pointer: '#/items/1/amount',
          field: 'items[1].amount',
          code: 'invalid',
          detail: 'must be a number conforming to the specified constraints',
        },
      ]),
    );
  });

  it.each([
    [
      'items.1.property extra should not exist',
      '#/items/1/extra',
      'whitelistValidation',
      'is not a known field',
    ],
    ['property of somebody should not exist', '#/property', 'invalid', 'of somebody should not exist'],
    ['property x should not exist twice', '#/property', 'invalid', 'x should not exist twice'],
    ['name should not be empty', '#/name', 'VAL_REQUIRED_FIELD', 'should not be empty'],
    ['name should not be empty or blank', '#/name', 'invalid', 'should not be empty or blank'],
    ['"amount" must be positive', '#', 'invalid', '"amount" must be positive'],
    ['wrong', '#', 'invalid', 'wrong'],
  ])('reads the sentence %j', (sentence, pointer, code, detail) => {
    expect(toAppError(new BadRequestException([sentence])).errors).toMatchObject([{ pointer, code, detail }]);
  });

  it('survives errors of class-validator that contain themselves', () => {
    const endless = Object.assign(new ValidationError(), {
      property: 'a',
      constraints: { isInt: 'must be an integer' },
      children: [] as ValidationError[],
    });
    endless.children.push(endless);
    expect(toAppError(validationExceptionFactory([endless])).errors).toHaveLength(17);
  });

  it('keeps a status of 422', async () => {
    const thrown = await failure(new ValidationPipe({ ...options, errorHttpStatusCode: 422 }));
    expect(toAppError(thrown)).toMatchObject({ code: 'VAL_INVALID_INPUT', status: 422 });
  });

  it('gives the rules as codes with validationExceptionFactory', async () => {
    const thrown = await failure(
      new ValidationPipe({ ...options, exceptionFactory: validationExceptionFactory }),
    );
    expect(toAppError(thrown).errors!.map(({ pointer, code }) => [pointer, code])).toEqual(
      expect.arrayContaining([
        ['#/id', 'VAL_REQUIRED_FIELD'],
        ['#/note', 'isString'],
        ['#/items/1/amount', 'isNumber'],
        ['#/extra', 'whitelistValidation'],
      ]),
    );
  });
});
