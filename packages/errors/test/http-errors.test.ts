import boom from '@hapi/boom';
import {
  BadRequestException,
  ConflictException,
  UnprocessableEntityException,
  GoneException,
  HttpException,
  ImATeapotException,
  NotFoundException,
} from '@nestjs/common';
import createError from 'http-errors';
import { describe, expect, it } from 'vitest';
import { commonErrors, defineErrors, toAppError, toProblem } from '../src/index.js';

describe('toAppError, errors with a status', () => {
  it.each([400, 404, 405, 406, 408, 410, 412, 414, 418, 423, 428, 431, 451, 499, 501, 507, 599])(
    'keeps the status %i of http-errors, boom, Nest and plain errors',
    (status) => {
      const errors = [
        Object.assign(new Error('x'), { status }),
        Object.assign(new Error('x'), { statusCode: status }),
        new boom.Boom('x', { statusCode: status }),
        new HttpException('x', status),
        ...(status === 499 ? [] : [createError(status)]),
      ];
      for (const error of errors) {
        const problem = toProblem(error);
        expect(problem.status).toBe(status);
        expect(toAppError(error).expose).toBe(status < 500);
      }
    },
  );

  it.each([
    [401, 'AUTH_FAILED'],
    [403, 'AUTH_FORBIDDEN'],
    [404, 'RES_NOT_FOUND'],
    [409, 'RES_CONFLICT'],
    [410, 'RES_NOT_FOUND'],
    [413, 'VAL_TOO_LARGE'],
    [415, 'VAL_UNSUPPORTED_MEDIA'],
    [422, 'BIZ_INVALID_OPERATION'],
    [429, 'SYS_RATE_LIMITED'],
    [500, 'SYS_INTERNAL_ERROR'],
    [502, 'SYS_UPSTREAM_ERROR'],
    [503, 'SYS_UNAVAILABLE'],
    [504, 'SYS_TIMEOUT'],
  ])('puts %i under %s', (status, code) => {
    expect(toAppError(createError(status))).toMatchObject({ code, status });
  });

  it('shows a message below 500 that its author exposed, and no other', () => {
    expect(toProblem(createError(404, 'No such order')).detail).toBe('No such order');
    expect(toProblem(boom.conflict('The order is paid')).detail).toBe('The order is paid');
    expect(toProblem(new NotFoundException('No such order')).detail).toBe('No such order');
    expect(toProblem(createError(503, 'ledger-7 is down')).detail).toBe('Service unavailable');
    expect(toProblem(boom.internal('ledger-7 is down')).detail).toBe('Internal error');
    expect(toProblem(new HttpException('ledger-7 is down', 502)).detail).toBe('Upstream error');
    expect(toProblem(createError(404, 'hidden', { expose: false })).detail).toBe('Not found');
    expect(toAppError(createError(500, 'ledger-7 is down', { expose: true })).message).toBe('Internal error');
  });

  it.each([
    ['seconds', '120', 120_000],
    ['a number', 1.5, 1_500],
    ['a date that is past', 'Wed, 21 Oct 2015 07:28:00 GMT', 0],
    ['nonsense', 'soon', undefined],
    ['a list', ['5'], undefined],
  ])('takes Retry-After from the headers: %s', (_case, header, expected) => {
    const error = createError(503, 'x', { headers: { 'Retry-After': header } });
    expect(toAppError(error).retryAfterMs).toBe(expected);
    expect(toAppError(Object.assign(new Error('x'), { statusCode: 503, retryAfterMs: 7 })).retryAfterMs).toBe(
      7,
    );
  });

  it.each([
    [0, 0],
    [-1, 120_000],
    [Number.NaN, 120_000],
    [Number.POSITIVE_INFINITY, 120_000],
    ['7', 120_000],
  ])('takes a retryAfterMs of %s before the headers, if it is a time: %i', (retryAfterMs, expected) => {
    const error = Object.assign(createError(503, 'x', { headers: { 'retry-after': '120' } }), {
      retryAfterMs,
    });
    expect(toAppError(error).retryAfterMs).toBe(expected);
  });

  it.each([
    ['http-errors', createError(422, Object.assign(new Error('x'), { code: '23505' })), 422],
    [
      'http-errors, by status alone',
      Object.assign(new Error('x'), { code: '23505', expose: true, status: 423 }),
      423,
    ],
    ['boom', boom.boomify(Object.assign(new Error('x'), { code: '23505' }), { statusCode: 422 }), 422],
    ['Nest', Object.assign(new GoneException(), { code: '23505' }), 410],
  ])('keeps the status that somebody put on a database error on purpose: %s', (_case, error, status) => {
    expect(toAppError(error)).toMatchObject({ status, message: expect.not.stringContaining('exists') });
  });

  it.each([
    ['none', {}],
    ['the same', { expose: true, status: 409 }],
    ['one of nobody knows whom', { status: 422 }],
    ['one that is out of range', { expose: true, status: 302 }],
  ])('takes a database error with such a status for what it is: %s', (_case, fields) => {
    const error = Object.assign(new Error('x'), { code: '23505' }, fields);
    expect(toAppError(error)).toMatchObject({ code: 'RES_ALREADY_EXISTS', status: 409 });
  });

  it.each([200, 302, 99, 600, Number.NaN, '404', null])('does not take %s for a status', (status) => {
    expect(toAppError(Object.assign(new Error('x'), { status }))).toMatchObject({ status: 500 });
  });
});

describe('toAppError, Nest exceptions', () => {
  it('reads a message of text, of an object and none', () => {
    expect(toProblem(new GoneException()).detail).toBe('Gone');
    expect(toProblem(new ConflictException({ message: 'Taken' })).detail).toBe('Taken');
    expect(toProblem(new HttpException({ status: 403, error: 'Custom' }, 403))).toMatchObject({
      status: 403,
      detail: 'Forbidden',
    });
    expect(toProblem(new ImATeapotException('short and stout'))).toMatchObject({
      status: 418,
      detail: 'short and stout',
    });
  });

  it('asks an exception for its status, as Nest does', () => {
    class Moved extends HttpException {
      override getStatus() {
        return 410;
      }
    }
    expect(toAppError(new Moved('x', 400)).status).toBe(410);
    const half = { getStatus: () => 404, statusCode: 409 };
    expect(toAppError(Object.assign(new Error('x'), half)).status).toBe(409);
    const otherHalf = { getResponse: () => 'x', getStatus: 404, statusCode: 409 };
    expect(toAppError(Object.assign(new Error('x'), otherHalf)).status).toBe(409);
  });

  it('shows a text that is the whole response, below 500', () => {
    expect(toProblem(new HttpException('short and stout', 418)).detail).toBe('short and stout');
    expect(toAppError(new HttpException('ledger-7 is down', 500)).message).toBe('Internal error');
    expect(toAppError(new HttpException({ message: ['ledger-7 is down'] }, 500))).toMatchObject({
      code: 'SYS_INTERNAL_ERROR',
      message: 'Internal error',
    });
  });

  it('has the title when a list of messages is empty', () => {
    const problem = toProblem(new BadRequestException({ message: [] }));
    expect(problem).toMatchObject({ code: 'VAL_INVALID_INPUT', detail: 'Invalid input' });
    expect(problem).not.toHaveProperty('errors');
  });

  it('shows what the code of the catalogue lets through, no more', () => {
    const catalogue = defineErrors({ BIZ_SECRET: { status: 422, title: 'Refused', expose: false } });
    const refused = new UnprocessableEntityException('ledger-7 says no', { errorCode: 'BIZ_SECRET' });
    expect(toProblem(toAppError(refused, { catalogue })).detail).toBe('Refused');
    const broken = new HttpException({ message: 'x', errorCode: 'RES_CONFLICT' }, 500);
    expect(toAppError(broken)).toMatchObject({ code: 'RES_CONFLICT', status: 500, expose: false });
  });

  it('uses an errorCode that the catalogue knows, with the status of the exception', () => {
    const exception = new BadRequestException('Too little', { errorCode: 'BIZ_INSUFFICIENT_BALANCE' });
    expect(toProblem(exception, { typeBaseUrl: 'https://docs.example/' })).toMatchObject({
      code: 'BIZ_INSUFFICIENT_BALANCE',
      title: 'Insufficient balance',
      status: 400,
      detail: 'Too little',
    });
    const inBody = new HttpException({ message: 'Too little', errorCode: 'AUTH_TOKEN_EXPIRED' }, 401);
    expect(toAppError(inBody).code).toBe('AUTH_TOKEN_EXPIRED');
  });

  it('ignores an errorCode that the catalogue does not know', () => {
    const exception = new BadRequestException('x', { errorCode: 'BIZ_CLOSED' });
    expect(toAppError(exception).code).toBe('VAL_INVALID_INPUT');
    expect(toAppError(new BadRequestException('x', { errorCode: 'toString' })).code).toBe(
      'VAL_INVALID_INPUT',
    );
    const catalogue = defineErrors({ BIZ_CLOSED: { status: 422, title: 'Closed' } }, { base: commonErrors });
    expect(toAppError(exception, { catalogue }).code).toBe('BIZ_CLOSED');
  });

  it('does not repeat the URL of an unknown route or the body that was no JSON', () => {
    expect(toProblem(new NotFoundException('Cannot GET /x?token=abc')).detail).toBe('Not found');
    expect(toProblem(new NotFoundException('Cannot GET /orders')).detail).toBe('Not found');
    expect(toProblem(new ConflictException('Cannot cancel it twice')).detail).toBe('Cannot cancel it twice');
    expect(toProblem(new BadRequestException('Send JSON, please')).detail).toBe('Send JSON, please');
    const broken = new BadRequestException(`Unexpected token 'h', "hunter2" is not valid JSON`);
    expect(toProblem(broken).detail).toBe('The body is not valid for its content type');
  });

  it('survives methods that throw or give nonsense', () => {
    const fail = () => {
      throw new Error('x');
    };
    const odd = Object.assign(new Error('x'), { getStatus: fail, getResponse: fail });
    expect(toAppError(odd)).toMatchObject({ code: 'SYS_INTERNAL_ERROR', status: 500 });
  });
});

describe('toAppError, body-parser and Fastify by code', () => {
  it.each([
    [{ type: 'entity.too.large', status: 413, statusCode: 413 }, 'VAL_TOO_LARGE', 413],
    [{ type: 'entity.parse.failed', status: 400, body: 'x' }, 'VAL_INVALID_INPUT', 400],
    [{ type: 'something.new', status: 409 }, 'RES_CONFLICT', 409],
    [{ validation: [], statusCode: 409 }, 'RES_CONFLICT', 409],
    [{ type: 'encoding.unsupported', status: 415 }, 'VAL_UNSUPPORTED_MEDIA', 415],
    [{ type: 'charset.unsupported', status: 415 }, 'VAL_UNSUPPORTED_MEDIA', 415],
    [{ type: 'request.aborted', status: 400 }, 'VAL_INVALID_INPUT', 400],
    [{ type: 'parameters.too.many', status: 413 }, 'VAL_TOO_LARGE', 413],
    [{ code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE', statusCode: 415 }, 'VAL_UNSUPPORTED_MEDIA', 415],
    [{ code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 }, 'VAL_TOO_LARGE', 413],
    [{ code: 'FST_ERR_BAD_URL', statusCode: 400 }, 'VAL_INVALID_INPUT', 400],
    [{ code: 'FST_ERR_REP_INVALID_PAYLOAD_TYPE', statusCode: 500 }, 'SYS_INTERNAL_ERROR', 500],
    [{ code: 'FST_ERR_SOMETHING_NEW' }, 'SYS_INTERNAL_ERROR', 500],
  ])('maps %o', (fields, code, status) => {
    expect(toAppError(Object.assign(new Error('x'), fields))).toMatchObject({ code, status });
  });

  it.each([
    [{ type: 'entity.parse.failed', status: 400 }, 'The body is not valid for its content type'],
    [{ type: 'entity.too.large', status: 413 }, 'The body is too large'],
    [
      { code: 'FST_ERR_CTP_INVALID_JSON_BODY', statusCode: 400 },
      'The body is not valid for its content type',
    ],
    [{ code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 }, 'The body is too large'],
    [{ code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE', statusCode: 415 }, 'Unsupported media type'],
  ])('says what is wrong with a body in words of its own: %o', (fields, detail) => {
    const quoting = Object.assign(new Error('hunter2 is not valid'), { expose: true }, fields);
    expect(toProblem(quoting).detail).toBe(detail);
  });
});
