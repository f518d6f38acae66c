import boom from '@hapi/boom';
import {
  BadRequestException,
  ConflictException,
  GoneException,
  HttpException,
  ImATeapotException,
  NotFoundException,
} from '@nestjs/common';
import createError from 'http-errors';
import { describe, expect, it } from 'vitest';
import { commonErrors, defineErrors, toAppError, toProblem } from '../src/index.js';

describe('toAppError, errors with a status', () => {
  it.each([404, 405, 406, 408, 410, 412, 414, 418, 423, 428, 431, 451, 499, 501, 507])(
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
  });

  it.each([
    ['seconds', '120', 120_000],
    ['a number', 1.5, 1_500],
    ['a date that is past', 'Wed, 21 Oct 2015 07:28:00 GMT', 0],
    ['nonsense', 'soon', undefined],
  ])('takes Retry-After from the headers: %s', (_case, header, expected) => {
    const error = createError(503, 'x', { headers: { 'Retry-After': header } });
    expect(toAppError(error).retryAfterMs).toBe(expected);
    expect(toAppError(Object.assign(new Error('x'), { statusCode: 503, retryAfterMs: 7 })).retryAfterMs).toBe(
      7,
    );
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
});
