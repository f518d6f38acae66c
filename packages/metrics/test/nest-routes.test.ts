import 'reflect-metadata';
import {
  Controller,
  type ControllerOptions,
  Get,
  Module,
  RequestMethod,
  type Type,
  Version,
  VersioningType,
} from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { startNest } from 'kit-tooling/apps';
import { describe, expect, it } from 'vitest';
import { MetricsModule } from '../src/nest.js';
import { newMetrics, parse } from './clients.js';

/** A controller with these GET routes, by method name; a version where one is given. */
function controllerOf(
  options: string | string[] | ControllerOptions,
  routes: Record<string, [path: string, version?: string]>,
) {
  class Some {}
  for (const [name, [path, version]] of Object.entries(routes)) {
    const descriptor = { value: () => ({ ok: true }), writable: true, configurable: true };
    Object.defineProperty(Some.prototype, name, descriptor);
    const method = Object.getOwnPropertyDescriptor(Some.prototype, name)!;
    Get(path)(Some.prototype, name, method);
    if (version !== undefined) Version(version)(Some.prototype, name, method);
  }
  (Controller as (given: unknown) => ClassDecorator)(options)(Some);
  return Some as Type;
}

// Nest builds its routes itself on each platform; the templates must be the same.
describe.each(['express', 'fastify'] as const)('templates of Nest on %s', (platform) => {
  it('hold versions in the path, the global prefix, what it excludes, and paths of RouterModule', async () => {
    const metrics = newMetrics();
    class Admin {}
    Module({ controllers: [controllerOf('stats', { one: [':day'] })] })(Admin);
    const running = await startNest(
      {
        module: class App {},
        imports: [
          MetricsModule.forRoot({ metrics, cacheMs: 0 }),
          Admin,
          RouterModule.register([{ path: 'admin/:tenant', module: Admin }]),
        ],
        controllers: [
          controllerOf({ path: 'users', version: '1' }, { one: [':id'], second: [':id/orders', '2'] }),
          controllerOf(['a', 'b'], { one: [':id'] }),
          controllerOf('plain', { one: ['excluded/:id'] }),
        ],
      },
      platform,
      (app) => {
        app.setGlobalPrefix('api', { exclude: [{ path: 'plain/excluded/:id', method: RequestMethod.GET }] });
        app.enableVersioning({ type: VersioningType.URI });
      },
    );
    try {
      for (const path of [
        '/api/v1/users/7',
        '/api/v2/users/8/orders',
        '/api/a/1',
        '/api/b/2',
        '/plain/excluded/3',
        '/api/admin/acme/stats/monday',
      ]) {
        const response = await fetch(running.url + path);
        expect(`${path} ${response.status}`).toBe(`${path} 200`);
        await response.text();
      }
      expect((await fetch(`${running.url}/api/v3/users/7`)).status).toBe(404);
      const page = await (await fetch(`${running.url}/metrics`)).text();
      const routes = parse(page)
        .filter(({ name }) => name === 'http_requests_total')
        .map(({ labels }) => labels.route!.replace(/\/$/, ''));
      expect(routes.sort()).toEqual([
        '/api/a/:id',
        '/api/admin/:tenant/stats/:day',
        '/api/b/:id',
        '/api/v1/users/:id',
        '/api/v2/users/:id/orders',
        '/plain/excluded/:id',
        '__unmatched__',
      ]);
    } finally {
      await running.close();
    }
  });

  it('are the same under versions by header', async () => {
    const metrics = newMetrics();
    const running = await startNest(
      {
        module: class App {},
        imports: [MetricsModule.forRoot({ metrics, cacheMs: 0 })],
        controllers: [controllerOf('users', { first: [':id', '1'], second: [':id', '2'] })],
      },
      platform,
      (app) => void app.enableVersioning({ type: VersioningType.HEADER, header: 'x-version' }),
    );
    try {
      for (const version of ['1', '2']) {
        const response = await fetch(`${running.url}/users/7`, { headers: { 'x-version': version } });
        expect(response.status).toBe(200);
        await response.text();
      }
      const page = await (await fetch(`${running.url}/metrics`)).text();
      const requests = parse(page).filter(({ name }) => name === 'http_requests_total');
      expect(requests.map(({ labels, value }) => [labels.route, value])).toEqual([['/users/:id', 2]]);
    } finally {
      await running.close();
    }
  });
});
