import { Validator } from '@seriousme/openapi-schema-validator';
import type { FastifyInstance } from 'fastify';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compose, type Service } from '../src/composition.ts';
import { readConfig } from '../src/config.ts';
import { errors } from '../src/interface/errors.ts';

interface Operation {
  summary?: string;
  security?: unknown[];
  requestBody?: { content: Record<string, { schema: unknown }> };
  responses: Record<string, unknown>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { responses: object; schemas: { ErrorCode: { enum: string[] } } };
}

let folder: string;
let service: Service;
let document: Document;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kit-openapi-'));
  service = await compose(readConfig({ DATA_DIR: folder, LOG_LEVEL: 'silent', ADMIN_TOKEN: 'a'.repeat(16) }));
  document = (await service.app.inject({ url: '/docs/json' })).json();
});
afterAll(async () => {
  for (const [, close] of (service?.onClose ?? []).toReversed()) await close();
  rmSync(folder, { recursive: true, force: true });
});

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    expect(await new Validator().validate({ ...structuredClone(document) })).toEqual({ valid: true });
  });

  it('has every route that the service has', () => {
    const documented = new Set(operations().map(({ method, path }) => `${method} ${path}`));
    const routes = routesOf(service.app).filter(({ path }) => !path.startsWith('/docs') && path !== '*');
    expect(routes.length).toBeGreaterThan(15);
    for (const { methods, path } of routes) {
      // Probes answer whatever they are asked with; GET is what they are for.
      const own = path.startsWith('/health') ? ['GET'] : methods.filter((name) => name !== 'HEAD');
      for (const method of own) {
        expect(documented).toContain(`${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
      }
    }
  });

  it('has no route that the service does not have', () => {
    const strangers = operations().filter(({ method, path }) => {
      const url = path.replaceAll(/\{(\w+)\}/g, ':$1');
      return !service.app.hasRoute({ method, url });
    });
    expect(strangers).toEqual([]);
  });

  it('has every code of the error catalogue, each with its answer', () => {
    expect(document.components.schemas.ErrorCode.enum).toEqual(Object.keys(errors).toSorted());
    expect(Object.keys(document.components.responses)).toEqual(expect.arrayContaining(Object.keys(errors)));
  });

  it('says of every route what it is and that it may refuse, and of what changes something what goes in', () => {
    const open = operations().filter(({ path }) => path.startsWith('/v1'));
    expect(open.filter(({ operation }) => !operation.summary)).toEqual([]);
    const posts = open.filter(({ method }) => method === 'POST');
    expect(posts.length).toBeGreaterThan(2);
    for (const { operation } of posts) {
      expect(operation.requestBody?.content['application/json']?.schema).toBeDefined();
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['201', '4XX']));
    }
  });

  it('says of every admin route that it wants the token', () => {
    const admin = operations().filter(({ path }) => path.startsWith('/admin'));
    expect(admin.length).toBeGreaterThan(5);
    for (const { operation } of admin) expect(operation.security).toEqual([{ adminToken: [] }]);
  });
});

/** Fastify prints its routes as a tree, a level in four characters. */
function routesOf(app: FastifyInstance): { path: string; methods: string[] }[] {
  const parents: string[] = [];
  return app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent, part, methods] = /^([│├└─ ]*)(\S+) \(([A-Z, ]+)\)$/.exec(line) ?? [];
      if (indent === undefined || part === undefined || methods === undefined) return [];
      const depth = indent.length / 4;
      const path = `${parents[depth - 1] ?? ''}${part}`;
      parents[depth] = path;
      return [{ path, methods: methods.split(', ') }];
    });
}
