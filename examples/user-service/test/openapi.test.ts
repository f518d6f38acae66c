import { Validator } from '@seriousme/openapi-schema-validator';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { errors } from '../src/errors.ts';

interface Operation {
  summary: string;
  security?: unknown[];
  requestBody?: unknown;
  responses: Record<string, unknown>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { responses: object; schemas: { ErrorCode: { enum: string[] } } };
}

let folder: string;
let service: Awaited<ReturnType<typeof createApp>>;
let document: Document;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kit-openapi-'));
  service = await createApp(readConfig({ DATA_DIR: folder, LOG_LEVEL: 'silent' }));
  await service.app.listen(0, '127.0.0.1');
  document = (await (await fetch(`${await service.app.getUrl()}/openapi.json`)).json()) as Document;
});
afterAll(async () => {
  await service?.app.close();
  await service?.close();
  rmSync(folder, { recursive: true, force: true });
});

const documented = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    expect(await new Validator().validate({ ...structuredClone(document) })).toEqual({ valid: true });
  });

  it('has the routes of the service, all of them and no other', () => {
    const routes = routesOf(service.app);
    expect(routes.length).toBeGreaterThan(10);
    expect(documented().toSorted()).toEqual(routes.toSorted());
  });

  it('has every code of the error catalogue, each with its answer', () => {
    expect(document.components.schemas.ErrorCode.enum).toEqual(Object.keys(errors).toSorted());
    expect(Object.keys(document.components.responses)).toEqual(expect.arrayContaining(Object.keys(errors)));
  });

  it('says of a route what goes in, who may call it, and how it may refuse', () => {
    const { post: register } = document.paths['/auth/register']!;
    expect(register!.requestBody).toMatchObject({ required: true });
    expect(register!.responses).toMatchObject({
      201: { description: 'Done' },
      409: { $ref: '#/components/responses/RES_EMAIL_TAKEN' },
      413: { $ref: '#/components/responses/VAL_TOO_LARGE' },
      415: { $ref: '#/components/responses/VAL_UNSUPPORTED_MEDIA' },
      429: { $ref: '#/components/responses/SYS_RATE_LIMITED' },
      503: { $ref: '#/components/responses/SYS_UNAVAILABLE' },
    });
    const { patch } = document.paths['/users/{id}']!;
    expect(patch!.security).toEqual([{ bearer: [] }]);
    expect(Object.keys(patch!.responses)).toEqual(['200', '400', '401', '403', '404', '413', '415', '500']);
    expect(patch!.responses['401']).toMatchObject({ description: 'AUTH_FAILED, AUTH_TOKEN_EXPIRED' });
  });
});

/** Probes answer whatever they are asked with; GET is what they are for. */
function routesOf(app: NestExpressApplication): string[] {
  const { stack } = app.getHttpAdapter().getInstance().router as {
    stack: { route?: { path: string; methods: Record<string, boolean> } }[];
  };
  return stack.flatMap(({ route }) => {
    if (!route) return [];
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    const methods = path.startsWith('/health') ? ['get'] : Object.keys(route.methods);
    return methods.map((method) => `${method} ${path}`);
  });
}
