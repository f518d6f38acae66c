import { afterEach, describe, expect, it } from 'vitest';
import { ask, sagasOf, type Started, startConsole, stuckSaga, visit, type Visitor } from './server.ts';

let started: Started | undefined;
afterEach(async () => {
  await started?.stop();
  started = undefined;
});

async function open(sagas = sagasOf([stuckSaga(), stuckSaga({ id: 'done', status: 'completed' })])) {
  started = await startConsole({ sagas });
  return { sagas, visitor: await visit(started.url) };
}

function resolve(
  { cookie, csrf }: Visitor,
  body: unknown,
  { id = 'saga-1', headers = {} }: { id?: string; headers?: Record<string, string | undefined> } = {},
) {
  const all = { cookie, 'x-csrf-token': csrf, 'content-type': 'application/json', ...headers };
  return ask(started!.url, `/sagas/${id}/resolve`, {
    method: 'POST',
    headers: Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined),
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

describe('resolving a saga', () => {
  it.each(['retry', 'compensated', 'completed'])('as %s is carried out and audited', async (as) => {
    const { sagas, visitor } = await open();
    expect((await resolve(visitor, { as, note: 'asked the partner' })).status).toBe(204);
    expect(sagas.resolved).toEqual([{ id: 'saga-1', as, note: 'asked the partner' }]);
    expect(started!.audited.at(-1)).toMatchObject({
      action: 'saga.resolve',
      sagaId: 'saga-1',
      as,
      note: 'asked the partner',
      status: 204,
      userId: expect.stringMatching(/^console:/),
    });
  });

  it.each([
    ['nothing', {}],
    ['an unknown word', { as: 'magic' }],
    ['a word of the prototype', { as: 'constructor' }],
    ['a list', ['retry']],
    ['null', 'null'],
    ['a text', '"retry"'],
    ['no JSON', '{as: retry}'],
    ['an empty body', ''],
    ['a long note', { as: 'retry', note: 'n'.repeat(501) }],
    ['a note that is no text', { as: 'retry', note: 7 }],
    ['more than it should', { as: 'retry', force: true }],
  ])('with %s is 400 and changes nothing', async (_, body) => {
    const { sagas, visitor } = await open();
    const refused = await resolve(visitor, body);
    expect(refused.status).toBe(400);
    expect(JSON.parse(refused.text).error).toBeTruthy();
    expect(sagas.resolved).toEqual([]);
  });

  it.each([
    ['no token of the page', { 'x-csrf-token': undefined }, 403],
    ['another token', { 'x-csrf-token': 'x'.repeat(43) }, 403],
    ['an empty token', { 'x-csrf-token': '' }, 403],
    ['the origin of another site', { origin: 'https://evil.example' }, 403],
    ['a browser that says it comes from elsewhere', { 'sec-fetch-site': 'cross-site' }, 403],
    ['no cookie', { cookie: undefined }, 401],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['plain text, which needs no preflight', { 'content-type': 'text/plain' }, 415],
  ])('with %s is refused', async (_, headers, status) => {
    const { sagas, visitor } = await open();
    expect((await resolve(visitor, { as: 'retry' }, { headers })).status).toBe(status);
    expect(sagas.resolved).toEqual([]);
  });

  it('needs the token of its own session, not that of another one', async () => {
    const { sagas, visitor } = await open();
    const other = await visit(started!.url);
    const mixed = { cookie: visitor.cookie, csrf: other.csrf };
    expect((await resolve(mixed, { as: 'retry' })).status).toBe(403);
    expect(sagas.resolved).toEqual([]);
  });

  it.each([
    ['nobody', 404],
    ['done', 409],
    ['%E0%A4%A', 400],
    [encodeURIComponent('../../etc'), 404],
    ['x'.repeat(300), 404],
  ])('by the id %s is %i', async (id, status) => {
    const { sagas, visitor } = await open();
    expect((await resolve(visitor, { as: 'retry' }, { id })).status).toBe(status);
    expect(sagas.resolved).toEqual([]);
  });

  it('with a body of megabytes is 413, without reading it', async () => {
    const { sagas, visitor } = await open();
    const big = JSON.stringify({ as: 'retry', note: 'n'.repeat(3_000_000) });
    const status = await resolve(visitor, big).then(
      ({ status }) => status,
      // The answer may overtake the body, and the connection is closed.
      () => 413,
    );
    expect(status).toBe(413);
    expect(sagas.resolved).toEqual([]);
  });

  it('that settles in the same moment is 409', async () => {
    const list = [stuckSaga()];
    const sagas = {
      ...sagasOf(list),
      resolve: async () => {
        list[0] = stuckSaga({ status: 'compensated' });
        throw new RangeError('id must be the id of an open or stuck saga');
      },
    };
    started = await startConsole({ sagas });
    expect((await resolve(await visit(started.url), { as: 'retry' })).status).toBe(409);
  });

  it('that fails says so without the reason; the service is told, and the audit log', async () => {
    const broken = {
      ...sagasOf([stuckSaga()]),
      resolve: () => Promise.reject(new Error('password=hunter2')),
    };
    started = await startConsole({ sagas: broken });
    const failed = await resolve(await visit(started.url), { as: 'retry' });
    expect(failed.status).toBe(500);
    expect(failed.text).not.toContain('hunter2');
    expect(started.failures.map(({ error }) => (error as Error).message)).toEqual(['password=hunter2']);
    expect(started.audited.at(-1)).toMatchObject({ action: 'saga.resolve', sagaId: 'saga-1', status: 500 });
  });

  it('is unknown to a service without sagas', async () => {
    started = await startConsole();
    expect((await resolve(await visit(started.url), { as: 'retry' })).status).toBe(404);
  });

  it('goes on when the audit log cannot write, and says so to the service', async () => {
    const sagas = sagasOf([stuckSaga()]);
    const audit = {
      record() {
        throw new Error('disk full');
      },
    };
    started = await startConsole({ sagas, audit });
    expect((await resolve(await visit(started.url), { as: 'retry' })).status).toBe(204);
    expect(started.failures.some(({ error }) => (error as Error).message === 'disk full')).toBe(true);
  });
});

describe('a logout', () => {
  it.each([
    ['without the token of the page', {}],
    ['with another token', { csrf: 'x'.repeat(43) }],
  ])('%s is 403 and logs nobody out', async (_, fields: Record<string, string>) => {
    const { visitor } = await open();
    const { cookie } = visitor;
    const body = new URLSearchParams(fields);
    expect((await ask(started!.url, '/logout', { method: 'POST', headers: { cookie }, body })).status).toBe(
      403,
    );
    expect((await ask(started!.url, '', { headers: { cookie } })).status).toBe(200);
  });
});
