/** The payment over HTTP, as each framework would have it: an idempotency key in front, a dedupeKey behind. */
import type { AddressInfo } from 'node:net';
import type { SagaSnapshot, TransactionManager } from '@kit/tx';
import type { PaymentInput } from './flow.ts';

type Pay = (input: PaymentInput, key: string) => Promise<SagaSnapshot>;
/** Whoever is killed in the middle of a request is waited for this long; not shorter, for machines under load. */
const leaseMs = 6_000;

/** Serves `POST /payments` on a free port. */
export async function servePayments(framework: string, tm: TransactionManager, pay: Pay): Promise<number> {
  if (framework === 'express') return serveExpress(tm, pay);
  if (framework === 'fastify') return serveFastify(tm, pay);
  return serveNest(tm, pay);
}

async function serveExpress(tm: TransactionManager, pay: Pay): Promise<number> {
  const { default: express } = await import('express');
  const { idempotencyMiddleware } = await import('@kit/tx/express');
  const app = express().use(express.json(), idempotencyMiddleware({ tm, leaseMs }));
  app.post('/payments', async (request, response) => {
    const { id, status } = await pay(request.body, request.get('idempotency-key')!);
    response.status(201).json({ id, status });
  });
  // As a service would answer; `@kit/errors` does it from the code alone.
  app.use(
    (
      error: unknown,
      _request: unknown,
      response: { status(code: number): { json(body: unknown): void } },
      _next: unknown,
    ) => response.status(statusOf(error)).json({}),
  );
  return new Promise((resolve) => {
    const server = app.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

async function serveFastify(tm: TransactionManager, pay: Pay): Promise<number> {
  const { default: fastify } = await import('fastify');
  const { idempotencyPlugin } = await import('@kit/tx/fastify');
  const app = fastify();
  await app.register(idempotencyPlugin, { tm, leaseMs });
  app.setErrorHandler((error, _request, reply) => reply.code(statusOf(error)).send({}));
  app.post('/payments', async (request, reply) => {
    const { id, status } = await pay(
      request.body as PaymentInput,
      String(request.headers['idempotency-key']),
    );
    return reply.code(201).send({ id, status });
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return (app.server.address() as AddressInfo).port;
}

async function serveNest(tm: TransactionManager, pay: Pay): Promise<number> {
  await import('reflect-metadata');
  const { Body, Catch, Controller, Headers, Module, Post } = await import('@nestjs/common');
  const { NestFactory } = await import('@nestjs/core');
  const { IdempotencyModule } = await import('@kit/tx/nest');
  class Payments {
    async pay(input: PaymentInput, key: string) {
      const { id, status } = await pay(input, key);
      return { id, status };
    }
  }
  // Called by hand: what bundles this file knows no decorators.
  const at = Object.getOwnPropertyDescriptor(Payments.prototype, 'pay')!;
  Controller()(Payments);
  Post('/payments')(Payments.prototype, 'pay', at);
  Body()(Payments.prototype, 'pay', 0);
  Headers('idempotency-key')(Payments.prototype, 'pay', 1);
  class App {}
  Module({ imports: [IdempotencyModule.forRoot({ tm, leaseMs })], controllers: [Payments] })(App);
  class Errors {
    catch(error: unknown, host: { switchToHttp(): { getResponse(): any } }) {
      host.switchToHttp().getResponse().status(statusOf(error)).json({});
    }
  }
  Catch()(Errors);
  const app = await NestFactory.create(App, { logger: false });
  app.useGlobalFilters(new Errors());
  await app.listen(0, '127.0.0.1');
  return (app.getHttpServer().address() as AddressInfo).port;
}

function statusOf(error: unknown): number {
  const { code } = error as { code?: string };
  if (code === 'KIT_TX_IDEMPOTENCY_MISMATCH') return 422;
  return code === 'KIT_TX_IDEMPOTENCY_IN_PROGRESS' ? 409 : 500;
}
