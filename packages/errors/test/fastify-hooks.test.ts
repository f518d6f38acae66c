import { Controller, Get, Header } from '@nestjs/common';
import { startFastify, startNest } from 'kit-tooling/apps';
import { describe, expect, it } from 'vitest';
import { commonErrors, createErrorMonitor, type ErrorHandlingOptions } from '../src/index.js';
import { errorsPlugin } from '../src/fastify.js';
import { ErrorsModule } from '../src/nest.js';

type OnSend = (request: unknown, reply: unknown, payload: unknown) => Promise<unknown>;
interface Instance {
  addHook(name: 'onSend', hook: OnSend): unknown;
}

@Controller()
class PaymentController {
  @Get('pay')
  pay(): never {
    throw commonErrors.RES_CONFLICT();
  }

  @Get('header')
  @Header('x-hunter2', 'not\na header')
  header(): never {
    throw commonErrors.RES_CONFLICT();
  }
}

const platforms: [
  name: string,
  start: (o: ErrorHandlingOptions, hook: OnSend) => ReturnType<typeof startFastify>,
][] = [
  [
    'fastify',
    (options, hook) =>
      startFastify(async (app) => {
        await app.register(errorsPlugin, options);
        app.addHook('onSend', hook);
        app.get('/pay', async () => {
          throw commonErrors.RES_CONFLICT();
        });
        app.get('/header', async (_request, reply) => {
          reply.header('x-hunter2', 'not\na header');
          throw commonErrors.RES_CONFLICT();
        });
      }),
  ],
  [
    'nest on fastify',
    (options, hook) => {
      const imports = [ErrorsModule.forRoot(options)];
      return startNest(
        { module: class App {}, imports, controllers: [PaymentController] },
        'fastify',
        (app) => {
          (app.getHttpAdapter().getInstance() as Instance).addHook('onSend', hook);
        },
      ) as unknown as ReturnType<typeof startFastify>;
    },
  ],
];

describe.each(platforms)('a problem that fails on its way out of %s', (_name, start) => {
  it.each([
    [
      'an error',
      Object.assign(new Error('hunter2'), { headers: { 'x-secret': 'hunter2' }, statusCode: 403 }),
    ],
    ['a text', 'hunter2'],
    ['an object', { message: 'hunter2' }],
  ])('shows nothing of %s that an onSend hook throws', async (_case, thrown) => {
    const monitor = createErrorMonitor();
    const service = await start({ logger: false, monitor }, () => Promise.reject(thrown));
    for (const path of ['/pay', '/nowhere']) {
      const response = await fetch(service.url + path);
      const text = await response.text();
      expect(text).not.toContain('hunter2');
      expect(JSON.stringify([...response.headers])).not.toContain('hunter2');
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(JSON.parse(text)).toMatchObject({ status: response.status, path });
    }
    await service.close();
    expect(monitor.snapshot().counts).toMatchObject({ RES_CONFLICT: 1, RES_NOT_FOUND: 1 });
    expect(monitor.snapshot().total).toBeGreaterThanOrEqual(4);
  });

  it('is answered although a header that the handler set cannot be written', async () => {
    const service = await start({ logger: false }, (_request, _reply, payload) => Promise.resolve(payload));
    const response = await fetch(`${service.url}/header`);
    const text = await response.text();
    await service.close();
    expect(response.status).toBe(500);
    expect(text).not.toContain('hunter2');
    expect(JSON.parse(text)).toMatchObject({ code: 'SYS_INTERNAL_ERROR' });
  });

  it('goes through hooks that work, which may change it', async () => {
    const service = await start({ logger: false }, (_request, _reply, payload) =>
      Promise.resolve(String(payload).replace('Conflict', 'Changed')),
    );
    const body: unknown = await (await fetch(`${service.url}/pay`)).json();
    await service.close();
    expect(body).toMatchObject({ status: 409, code: 'RES_CONFLICT', title: 'Changed' });
  });
});
