import type { IncomingMessage } from 'node:http';
import { startExpress, startFastify, startNest } from 'kit-tooling/apps';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createErrorMonitor } from '../src/index.js';
import { monitorHandler as expressHandler } from '../src/express.js';
import { errorsPlugin, monitorHandler as fastifyHandler } from '../src/fastify.js';
import { monitorHandler as nestHandler } from '../src/nest.js';

const monitor = createErrorMonitor();
monitor.record(new Error('ledger is away'), { endpoint: 'GET /x' });

const authorize = async (request: Pick<IncomingMessage, 'headers'>): Promise<boolean> => {
  await Promise.resolve();
  if (request.headers.authorization === 'throw') throw new Error('hunter2');
  if (request.headers.authorization === 'truthy') return 'yes' as never;
  return request.headers.authorization === 'admin';
};

const services: [string, () => Promise<{ url: string; close(): Promise<void> }>][] = [
  [
    'express',
    () => startExpress((app) => void app.get('/admin/errors', expressHandler(monitor, { authorize }))),
  ],
  [
    'fastify',
    () =>
      startFastify(async (app) => {
        await app.register(errorsPlugin);
        app.get('/admin/errors', fastifyHandler(monitor, { authorize }));
      }),
  ],
  ...(['express', 'fastify'] as const).map((platform): (typeof services)[number] => [
    `nest on ${platform}`,
    () =>
      startNest(
        { module: class Admin {} },
        platform,
        (app) => void app.use('/admin/errors', nestHandler(monitor, { authorize })),
      ),
  ]),
];

describe.each(services)('monitorHandler on %s', (_name, start) => {
  let service: { url: string; close(): Promise<void> };
  beforeAll(async () => {
    service = await start();
  });
  afterAll(() => service.close());

  const get = (authorization?: string, method = 'GET') =>
    fetch(`${service.url}/admin/errors`, {
      method,
      headers: authorization === undefined ? {} : { authorization },
    });

  it('shows the snapshot to whom authorize lets see it', async () => {
    const response = await get('admin');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toMatchObject({ total: 1, last: [{ message: 'ledger is away' }] });
  });

  it.each([undefined, 'somebody', 'throw', 'truthy'])('shows nothing to %s', async (authorization) => {
    const response = await get(authorization);
    expect(response.status).toBe(403);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ code: 'AUTH_FORBIDDEN', status: 403, path: '/admin/errors' });
    expect(text).not.toMatch(/ledger|hunter2/);
  });

  it('answers HEAD without a body', async () => {
    const response = await get('admin', 'HEAD');
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });

  it('does not count refusals as errors of the service', () => {
    expect(monitor.snapshot().total).toBe(1);
  });
});

describe.each([
  ['express', expressHandler],
  ['fastify', fastifyHandler],
  ['nest', nestHandler],
])('monitorHandler of %s', (_name, handler) => {
  it.each([undefined, {}, { authorize: true }, { authorize: 'admin' }, null])(
    'refuses to mount with %o',
    (options) => {
      expect(() => handler(monitor, options as never)).toThrow(/authorize must be a function/);
    },
  );

  it('refuses something that is no monitor', () => {
    expect(() => handler({} as never, { authorize })).toThrow(/monitor must have a snapshot function/);
  });
});
