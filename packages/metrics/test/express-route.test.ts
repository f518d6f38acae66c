import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express4 from 'express-4';
import express, { type Express } from 'express';
import { describe, expect, it } from 'vitest';
import { createExpressRoutes } from '../src/index.js';

type Lib = typeof express;

/** The templates that requests to these paths are counted under, one by one. */
async function templatesOf(lib: Lib, setUp: (app: Express, lib: Lib) => void, paths: string[]) {
  const routeOf = createExpressRoutes();
  const found: (string | undefined)[] = [];
  const app = lib();
  app.use((req, res, next) => {
    res.on('close', () => found.push(routeOf(req, res.statusCode)));
    next();
  });
  setUp(app, lib);
  app.use(((_error, _req, res, _next) => void res.status(500).end()) as express.ErrorRequestHandler);
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const path of paths) await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  server.closeAllConnections();
  server.close();
  return found;
}

const literally = (text: string) => new RegExp(` is ${text.replaceAll(/[^\w/:]/g, '\\$&')}$`);

const ok: express.RequestHandler = (_req, res) => void res.end('ok');

describe.each([
  ['express 5', express],
  ['express 4', express4],
])('templates of %s', (version, lib) => {
  it('tell a parameter from a literal segment of the same text', async () => {
    const found = await templatesOf(
      lib,
      (app, { Router }) => {
        const inner = Router({ mergeParams: true });
        inner.get('/orders/:id', ok);
        app.use('/users/:uid/users', inner);
      },
      ['/users/users/users/orders/users', '/users/1/users/orders/2', '/users/777777777777/users/orders/3'],
    );
    expect(new Set(found)).toEqual(new Set(['/users/:uid/users/orders/:id']));
  });

  it('follow the way the request went when a router is mounted twice', async () => {
    const found = await templatesOf(
      lib,
      (app, { Router }) => {
        const shared = Router();
        shared.get('/:id', ok);
        app.use('/v1/things', shared);
        app.use('/v2/:tenant/things', shared);
      },
      ['/v1/things/1', '/v2/acme/things/2', '/v1/things/3', '/v2/other/things/4'],
    );
    expect(found).toEqual([
      '/v1/things/:id',
      '/v2/:tenant/things/:id',
      '/v1/things/:id',
      '/v2/:tenant/things/:id',
    ]);
  });

  it('take one of several mount paths', async () => {
    const found = await templatesOf(
      lib,
      (app, { Router }) => {
        const shared = Router();
        shared.get('/', ok);
        app.use(['/a/:x', '/b/:x'], shared);
      },
      ['/a/1', '/b/2', '/b/a'],
    );
    expect(found).toEqual(['/a/:x', '/b/:x', '/b/:x']);
  });

  it('tell a router in a sub-app from the same router in the app', async () => {
    const found = await templatesOf(
      lib,
      (app, { Router }) => {
        const shared = Router();
        shared.get('/:id', ok);
        const admin = lib();
        admin.use('/things', shared);
        app.use('/admin', admin);
        app.use('/things', shared);
      },
      ['/admin/things/1', '/things/2', '/admin/things/3'],
    );
    expect(found).toEqual(['/admin/things/:id', '/things/:id', '/admin/things/:id']);
  });

  it('include the mount path of a sub-app', async () => {
    const found = await templatesOf(
      lib,
      (app) => {
        const sub = lib();
        const router = lib.Router();
        router.get('/:id', ok);
        sub.use('/items/:kind', router);
        sub.get('/plain', ok);
        app.use('/admin/:tenant', sub);
      },
      ['/admin/acme/plain', '/admin/acme/items/book/7'],
    );
    expect(found).toEqual(['/admin/:tenant/plain', '/admin/:tenant/items/:kind/:id']);
  });

  it('survive an error of a nested router that the app handles', async () => {
    const found = await templatesOf(
      lib,
      (app, { Router }) => {
        const inner = Router();
        inner.get('/:id', (_req, _res, next) => next(new Error('no')));
        const outer = Router();
        outer.use('/orders', inner);
        app.use('/users/:uid', outer);
      },
      ['/users/1/orders/2?x=/users/3'],
    );
    expect(found).toEqual(['/users/:uid/orders/:id']);
  });

  it('keep what a pattern looks like for regular expressions and lists', async () => {
    const found = await templatesOf(
      lib,
      (app) => {
        app.get(/^\/files\/(\d+)$/, ok);
        app.get(['/x/:id', '/y/:id'], ok);
      },
      ['/files/12', '/x/1', '/y/2'],
    );
    expect(found[0]).toBe('/^\\/files\\/(\\d+)$/');
    expect(found.slice(1)).toEqual(['/x/:id|/y/:id', '/x/:id|/y/:id']);
  });

  it('hold the whole way through optional and constrained parameters, lists and expressions of mounts', async () => {
    const isFive = version === 'express 5';
    const mounts: [mount: string | RegExp | (string | RegExp)[], path: string, template: string | RegExp][] =
      [
        [isFive ? '/optional{/:x}' : '/optional/:x?', '/optional/1', / is \/optional.*:x.*\/:id$/],
        [['/first/:a', '/second/:b'], '/second/2', '/second/:b/:id'],
        [/^\/expression\/\d+/, '/expression/77', /expression.*\/:id$/],
        // Constraints are gone in express 5.
        ...(isFive
          ? []
          : ([
              ['/digits/:n(\\d+)', '/digits/42', '/digits/:n/:id'],
              ['/kinds/:kind(book|film)', '/kinds/book', '/kinds/:kind/:id'],
              ['/slugs/:slug([a-z-]+)', '/slugs/a-b', '/slugs/:slug/:id'],
            ] as [string, string, string][])),
      ];
    const found = await templatesOf(
      lib,
      (app, { Router }) => {
        for (const [mount] of mounts) {
          const inner = Router();
          inner.get('/:id', ok);
          app.use(mount, inner);
        }
      },
      mounts.map(([, path]) => `${path}/secret-id`),
    );
    for (const [i, [mount, , template]] of mounts.entries()) {
      expect(`${String(mount)} is ${found[i]}`).toMatch(
        typeof template === 'string' ? literally(template) : template,
      );
      expect(found[i]).not.toMatch(/secret|42|77|a-b/);
    }
  });

  it('are spelled as the pattern is, however the request spells it', async () => {
    const found = await templatesOf(
      lib,
      (app, { Router }) => {
        const inner = Router();
        inner.get('/orders/:id', ok);
        app.use('/users/:uid', inner);
      },
      ['/users/1/orders/2', '/USERS/1/orders/2', '/uSeRs/1/oRdErS/2', '/users/1/orders/2/'],
    );
    expect(new Set(found)).toEqual(new Set(['/users/:uid/orders/:id']));
  });

  it('never hold a value: not of odd parameters, not of broken escapes', async () => {
    const found = await templatesOf(
      lib,
      (app, { Router }) => {
        const inner = Router();
        inner.get('/z', ok);
        app.use('/f/:name.:ext', inner);
        app.use('/g/:a-:b', inner);
      },
      ['/f/report.pdf/z', '/g/x-y/z', '/f/a%2Fb.c/z', '/f/%E0%A4%A/z', '/f/p.p/z'],
    );
    for (const template of found) expect(template ?? '').not.toMatch(/report|pdf|x-y|%|p\.p/);
  });

  it('call a catch-all that answers 404 no route', async () => {
    const wildcard = version === 'express 5' ? '/{*path}' : '*';
    const found = await templatesOf(
      lib,
      (app) => {
        app.get('/a', ok);
        app.all(wildcard, (_req, res) => void res.status(404).end());
      },
      ['/a', '/nothing/here'],
    );
    expect(found).toEqual(['/a', undefined]);
  });
});

describe('templates of routers that keep no pattern and hide their expression', () => {
  it('are found by asking the layer where its parameters stand', () => {
    // A mount layer of router 2.0 to 2.2: match() answers true and leaves params and path on the layer.
    const route = { path: '/:id' };
    const layer = {
      params: undefined as Record<string, string> | undefined,
      path: undefined as string | undefined,
      handle: { stack: [{ route, match: () => true }] },
      match(path: string) {
        const match = /^\/users\/([^/]+)\/users/.exec(path);
        this.params = match ? { uid: decodeURIComponent(match[1]!) } : undefined;
        this.path = match?.[0];
        return match !== null;
      },
    };
    const req = { route, originalUrl: '/users/users/users/7', app: { router: { stack: [layer] } } };
    const before = { params: { uid: 'of another request' }, path: '/elsewhere' };
    Object.assign(layer, before);
    expect(createExpressRoutes()(req as never, 200)).toBe('/users/:uid/users/:id');
    expect({ params: layer.params, path: layer.path }).toEqual(before);
  });

  it('fall back to the route alone when its router cannot be found', () => {
    const req = { route: { path: '/:id' }, originalUrl: '/x/1', app: { router: { stack: [] } } };
    expect(createExpressRoutes()(req as never, 200)).toBe('/:id');
    expect(createExpressRoutes()({ url: '/x' } as never, 404)).toBeUndefined();
  });
});
