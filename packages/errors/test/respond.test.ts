import { afterEach, describe, expect, it, vi } from 'vitest';
import { recordChannels } from 'kit-tooling/channels';
import { commonErrors, createErrorResponder, defineErrors } from '../src/index.js';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

interface Line {
  level: string;
  fields: Record<string, any>;
  message: string;
}
function createLines() {
  const lines: Line[] = [];
  const write = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields, message });
  return { lines, logger: { error: write('error'), warn: write('warn') } };
}

describe('createErrorResponder', () => {
  it('answers with status, headers and a body for any error', () => {
    const respond = createErrorResponder({ logger: false, typeBaseUrl: 'https://docs.example/' });
    const answer = respond(commonErrors.RES_NOT_FOUND(), { path: '/x', method: 'GET' });
    expect(answer.status).toBe(404);
    expect(answer.headers).toEqual({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
    });
    expect(JSON.parse(answer.body)).toEqual(answer.problem);
    expect(createErrorResponder()).toBeTypeOf('function');
  });

  it.each([
    ['quotes, a backslash and line ends', 'say "no" \\ twice\r\n\u0000'],
    ['half a surrogate pair', 'half \ud83d a smile'],
    ['line separators', 'a\u2028b'],
    ['plain text', 'Not today'],
  ])('writes a body that is JSON as JSON.stringify writes it: %s', (_, text) => {
    const respond = createErrorResponder({ logger: false, exposeStack: true });
    const errors = [{ pointer: '#/a', field: 'a', code: 'x', detail: text }];
    const error = commonErrors.VAL_INVALID_INPUT({ limit: text }, { message: text, errors });
    const { body, problem } = respond(error, { path: `/${text}`, method: text });
    expect(body).toBe(JSON.stringify(problem));
    expect(problem).toMatchObject({ method: text, errors });
    const bare = respond(null);
    expect(bare.body).toBe(JSON.stringify(bare.problem));
  });

  it.each([
    [0, '0'],
    [1, '1'],
    [30_000, '30'],
    [Number.NaN, undefined],
    [-1, undefined],
    [Number.POSITIVE_INFINITY, undefined],
  ])('turns retryAfterMs %d into whole seconds', (retryAfterMs, header) => {
    const respond = createErrorResponder({ logger: false });
    expect(respond(commonErrors.SYS_UNAVAILABLE(undefined, { retryAfterMs })).headers['retry-after']).toBe(
      header,
    );
  });

  it('logs details that did not fit their schema, and sends the error without them', () => {
    const { lines, logger } = createLines();
    const details = {
      safeParse: () => ({
        success: false as const,
        error: { issues: [{ path: ['limit'], message: 'not a text' }] },
      }),
    };
    const { BIZ_LIMIT } = defineErrors({ BIZ_LIMIT: { status: 422, title: 'Limit', details } });
    const answer = createErrorResponder({ logger })(
      (BIZ_LIMIT as unknown as (d: unknown) => Error)({ limit: 5 }),
    );
    expect(answer.problem).toMatchObject({ code: 'BIZ_LIMIT', status: 422, detail: 'Limit' });
    expect(answer.problem).not.toHaveProperty('details');
    expect(lines).toContainEqual({
      level: 'warn',
      message: 'the details of BIZ_LIMIT do not fit their schema',
      fields: { code: 'BIZ_LIMIT', detailsProblem: 'limit: not a text' },
    });
  });

  it('logs 500 and above as errors, below as warnings, causes and parts included', () => {
    const { lines, logger } = createLines();
    const respond = createErrorResponder({ logger });
    respond(new Error('top', { cause: new Error('middle', { cause: 'bottom' }) }), {
      path: '/x?token=1',
      method: 'GET',
      endpoint: 'GET /x',
    });
    respond(commonErrors.RES_CONFLICT({ password: 'p', id: 7 }));
    respond(new AggregateError([new Error('one'), new Error('two')], 'all failed'));
    const [first, second, third] = lines;
    expect(first).toMatchObject({ level: 'error', message: 'request failed with SYS_INTERNAL_ERROR' });
    expect(first!.fields).toMatchObject({
      path: '/x',
      endpoint: 'GET /x',
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      id: expect.stringMatching(/^[0-9a-f]{8}$/),
      err: {
        type: 'Error',
        message: 'top',
        cause: { message: 'middle', cause: { type: 'string', message: 'bottom' } },
      },
    });
    expect(second).toMatchObject({
      level: 'warn',
      fields: { err: { code: 'RES_CONFLICT', details: { id: 7, password: '***' } } },
    });
    expect(third!.fields.err.errors.map((part: Line) => part.message)).toEqual(['one', 'two']);
  });

  it('bounds what it logs of a cyclic and of an endless cause', () => {
    const { lines, logger } = createLines();
    const respond = createErrorResponder({ logger });
    const cyclic = new Error('a');
    cyclic.cause = cyclic;
    respond(cyclic);
    let deep = new Error('bottom');
    for (let depth = 0; depth < 100; depth += 1) deep = new Error('level', { cause: deep });
    respond(deep);
    respond(new Error('x'.repeat(1_000_000)));
    for (const line of lines) expect(JSON.stringify(line).length).toBeLessThan(100_000);
    expect(lines[0]!.fields.err.cause).toBeUndefined();
  });

  it('writes one line of JSON on stderr for 500 and above when there is no logger', () => {
    const print = vi.spyOn(console, 'error').mockImplementation(() => {});
    const respond = createErrorResponder();
    respond(commonErrors.RES_CONFLICT());
    respond(new Error('ledger is away'));
    expect(print).toHaveBeenCalledTimes(1);
    expect(JSON.parse(String(print.mock.calls[0]![0]))).toMatchObject({
      level: 'error',
      msg: 'request failed with SYS_INTERNAL_ERROR',
      err: { message: 'ledger is away' },
    });
  });

  it('builds no line for a level that is off, nor without warn', () => {
    const error = vi.fn();
    createErrorResponder({ logger: { error, isLevelEnabled: () => false } as never })(new Error('x'));
    createErrorResponder({ logger: { error } })(commonErrors.RES_CONFLICT());
    expect(error).not.toHaveBeenCalled();
  });

  it('answers although monitor, logger and onError fail, and logs that they did', async () => {
    const { lines, logger } = createLines();
    const fail = () => {
      throw new Error('broken');
    };
    const answer = createErrorResponder({ logger, monitor: { record: fail }, onError: fail })(
      commonErrors.RES_CONFLICT(),
    );
    expect(answer.status).toBe(409);
    expect(lines.map(({ message }) => message)).toEqual([
      'the error monitor threw',
      'request failed with RES_CONFLICT',
      'onError threw',
    ]);
    createErrorResponder({ logger, onError: () => Promise.reject(new Error('late')) })(
      commonErrors.RES_CONFLICT(),
    );
    await expect.poll(() => lines.at(-1)!.message).toBe('onError threw');
    expect(createErrorResponder({ logger: { error: fail, warn: fail } })(new Error('x')).status).toBe(500);
  });

  it('announces errors without a monitor too', () => {
    const recorder = recordChannels('kit:errors:raised');
    createErrorResponder({ logger: false })(commonErrors.RES_CONFLICT(), { endpoint: 'GET /x' });
    recorder.stop();
    expect(recorder.events).toMatchObject([{ payload: { code: 'RES_CONFLICT', endpoint: 'GET /x' } }]);
  });

  it('refuses exposeStack in production', () => {
    vi.stubEnv('NODE_ENV', 'production');
    expect(() => createErrorResponder({ exposeStack: true })).toThrow(
      'exposeStack must be false when NODE_ENV is production, got true',
    );
    expect(() => createErrorResponder({ exposeStack: false })).not.toThrow();
  });

  it.each([
    [{ typeBaseUrl: '/errors' }, /typeBaseUrl must be an absolute URL, got "\/errors"/],
    [{ exposeStack: 'yes' }, /exposeStack must be a boolean, got "yes"/],
    [{ mappers: {} }, /mappers must be an array of functions/],
    [{ mappers: [1] }, /mappers must be an array of functions/],
    [{ monitor: {} }, /monitor must have a record function, got an object/],
    [{ logger: {} }, /logger must have an error function or be false, got an object/],
    [{ logger: true }, /logger .* got true/],
    [{ onError: 1 }, /onError must be a function, got 1/],
    [{ catalogue: 5 }, /catalogue must be a catalogue made by defineErrors, got 5/],
    [null, /options must be an object, got null/],
  ])('refuses %o', (options, message) => {
    expect(() => createErrorResponder(options as never)).toThrow(message);
  });
});
