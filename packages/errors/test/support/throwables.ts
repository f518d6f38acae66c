import boom from '@hapi/boom';
import createError from 'http-errors';
import { z } from 'zod';
import { commonErrors } from '../../src/index.js';

/** What must never reach a caller. */
export const secret = 'hunter2-s3cr3t';

const dsn = `postgres://admin:${secret}@db.internal:5432/shop`;
const databaseText = `duplicate key value violates unique constraint "users_email_key" DETAIL: Key (email)=(${secret})`;

function chain(depth: number): Error {
  return depth === 0
    ? new Error(`bottom ${secret}`)
    : new Error(`level ${depth} ${secret}`, { cause: chain(depth - 1) });
}

function cyclic(): Error {
  const first = new Error(`first ${secret}`);
  const second = new Error(`second ${secret}`, { cause: first });
  first.cause = second;
  return first;
}

function withGetter(key: string): Error {
  return Object.defineProperty(new Error(secret), key, {
    enumerable: true,
    get() {
      throw new Error(`getter ${secret}`);
    },
  });
}

const error = (message: string, extra: object = {}) => Object.assign(new Error(message), extra);

/** Forty things that code throws, and some that only an attacker would. Each carries the secret. */
export const throwables: Record<string, () => unknown> = {
  'a DSN in the message': () => new Error(`cannot connect to ${dsn}`),
  'SQL in the message': () => new Error(`select * from users where password = '${secret}'`),
  'a file path in the message': () => new Error(`ENOENT: no such file, open '/srv/app/${secret}.key'`),
  'a getter that throws as message': () => withGetter('message'),
  'a getter that throws as code': () => withGetter('code'),
  'a getter that throws as stack': () => withGetter('stack'),
  'a getter that throws as cause': () => withGetter('cause'),
  'a getter that throws as statusCode': () => withGetter('statusCode'),
  'a proxy that throws on every read': () =>
    new Proxy(new Error(secret), {
      get() {
        throw new Error(secret);
      },
    }),
  'a proxy that answers every read': () => new Proxy({}, { get: () => secret }),
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({ secret }, {});
    revoke();
    return proxy;
  },
  'a text': () => `failed with ${secret}`,
  'a number': () => 42,
  'a bigint': () => 42n,
  'a symbol': () => Symbol(secret),
  'a function': () => Object.assign(() => secret, { message: secret }),
  'an array': () => [secret],
  'an object without prototype': () =>
    Object.assign(Object.create(null) as object, { message: secret, status: 200 }),
  'a Map': () => new Map([[secret, secret]]),
  'a rejected response object': () => ({ statusCode: 404, message: secret, headers: { 'x-secret': secret } }),
  'a ten-deep cause': () => chain(10),
  'a cyclic cause': () => cyclic(),
  'an error that is its own cause': () => {
    const own = new Error(secret);
    own.cause = own;
    return own;
  },
  'an AggregateError': () => new AggregateError([new Error(secret), secret], `all failed: ${secret}`),
  'a TypeError of the language': () =>
    new TypeError(`Cannot read properties of undefined (reading '${secret}')`),
  'a SyntaxError of JSON.parse': () => {
    try {
      return JSON.parse(`{"password": ${secret}`) as unknown;
    } catch (parseError) {
      return Object.assign(parseError as Error, { status: 400, body: secret });
    }
  },
  'a unique violation of pg': () =>
    error(databaseText, {
      code: '23505',
      detail: `Key (email)=(${secret})`,
      table: secret,
      severity: 'ERROR',
    }),
  'an undefined table of pg': () => error(`relation "${secret}" does not exist`, { code: '42P01' }),
  'a duplicate entry of mysql': () =>
    error(`Duplicate entry '${secret}'`, { errno: 1062, code: 'ER_DUP_ENTRY', sql: secret }),
  'a failed fetch': () =>
    new TypeError('fetch failed', {
      cause: error(`connect to ${secret}`, { code: 'ECONNREFUSED', address: secret }),
    }),
  'a status of 200 on an error': () => error(secret, { status: 200, statusCode: 204 }),
  'a status that is no number': () => error(secret, { status: `500 ${secret}` }),
  'a 400 that nobody exposed': () => error(secret, { statusCode: 400 }),
  'a wrapped 409 with a database message': () => createError(409, databaseText),
  'a database error turned into a 409': () => createError(409, error(databaseText, { code: '42P01' })),
  'a boom 409 around a database error': () => boom.boomify(new Error(databaseText), { statusCode: 409 }),
  'an http-error with secret headers': () =>
    createError(418, 'teapot', { headers: { 'x-secret': secret, 'set-cookie': secret } }),
  'an AppError that repeats its cause': () =>
    commonErrors.RES_CONFLICT(undefined, { message: `no: ${secret}`, cause: new Error(secret) }),
  'an AppError that is not exposed': () => commonErrors.SYS_DATABASE_ERROR({ secret }, { message: dsn }),
  'an AppError with a DSN in its details': () =>
    commonErrors.BIZ_INVALID_OPERATION({ hint: dsn, password: secret }),
  'an AppError whose status was overwritten': () =>
    Object.assign(commonErrors.RES_NOT_FOUND(undefined, { message: secret }), { status: 999 }),
  'a zod error': () => z.object({ [`amount`]: z.number() }).safeParse({ amount: secret }).error,
  'a header injection': () => error(`x\r\nset-cookie: ${secret}`, { statusCode: 400, expose: true }),
  'ten megabytes': () => error(secret.repeat(750_000), { expose: true, statusCode: 500 }),
};
