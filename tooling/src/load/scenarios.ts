import { randomUUID } from 'node:crypto';
import type { Traffic } from './drive.ts';
import type { Platform } from './platform.ts';

export interface Scenario extends Pick<Traffic, 'method' | 'path' | 'body' | 'headers'> {
  name: string;
  service: 'payment' | 'user';
  /** The target, in milliseconds. */
  p95Ms: number;
  /** Of the rate asked for, when it is driven by itself. @default 1 */
  share?: number;
  /** Of the rate asked for, when all are driven at once; together 1. */
  mixedShare: number;
}

/** What is driven and against which targets; makes the account and the payment that it needs. */
export async function prepareScenarios({ payment, user }: Platform): Promise<Scenario[]> {
  const account = { email: `load-${randomUUID()}@example.org`, password: 'correct horse battery' };
  await post(`${user}/auth/register`, { ...account, name: 'Load' });
  const login = await post(`${user}/auth/login`, account);
  const paid = await post(`${payment}/v1/payments`, newPayment(), { 'idempotency-key': randomUUID() });
  return [
    {
      name: 'POST /v1/payments',
      service: 'payment',
      p95Ms: 200,
      mixedShare: 0.5,
      method: 'POST',
      path: () => '/v1/payments',
      body: newPayment,
      headers: () => ({ 'idempotency-key': randomUUID() }),
    },
    {
      name: 'GET /v1/payments/:id',
      service: 'payment',
      p95Ms: 200,
      mixedShare: 0.2,
      method: 'GET',
      path: () => `/v1/payments/${String(paid.id)}`,
    },
    {
      // Hashing a password takes a core some 20 ms on purpose, so nobody logs in a hundred times a second.
      name: 'POST /auth/login',
      service: 'user',
      p95Ms: 100,
      mixedShare: 0.1,
      method: 'POST',
      share: 0.1,
      path: () => '/auth/login',
      body: () => account,
    },
    {
      name: 'GET /auth/me',
      service: 'user',
      p95Ms: 100,
      mixedShare: 0.1,
      method: 'GET',
      path: () => '/auth/me',
      headers: () => ({ authorization: `Bearer ${String(login.accessToken)}` }),
    },
    {
      name: 'POST /phone/validate',
      service: 'user',
      p95Ms: 200,
      mixedShare: 0.1,
      method: 'POST',
      path: () => '/phone/validate',
      body: () => ({ phone: '+49 1512 3456789' }),
    },
  ];
}

const newPayment = () => ({ amount: 1_250, currency: 'EUR', customerId: 'load' });

async function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`POST ${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}
