import { freePort } from 'kit-tooling/servers';
import { type RunningChild, runChild } from 'kit-tooling/process';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const partnersMain = new URL('../../partners/src/main.ts', import.meta.url);
const paymentMain = new URL('../src/main.ts', import.meta.url);

export type PartnerName = 'order' | 'channel' | 'risk';

/** The payment-service and its partners as real processes on free ports, with their files in a folder of their own. */
export interface Platform {
  url: string;
  dataDir: string;
  adminToken: string;
  partners: Record<PartnerName, string>;
  service: RunningChild;
  /** What the partners have logged so far. */
  partnersLog: string;
  request(path: string, init?: RequestInit & { json?: unknown }): Promise<Answer>;
  pay(payment?: Partial<PaymentBody>, idempotencyKey?: string): Promise<Answer>;
  breakPartner(name: PartnerName, faults: Record<string, unknown>): Promise<void>;
  heal(name: PartnerName): Promise<void>;
  effects(name: PartnerName, filter?: Record<string, string>): Promise<Effect[]>;
  /** What the outbox has published under a topic, as text: in the Redis stream, or in the log without one. */
  events(topic: string): Promise<string>;
  /** SIGKILL for the payment-service, then a new process on the same port and data. */
  killService(): Promise<void>;
  startService(): Promise<void>;
  stop(): Promise<void>;
}

export interface Answer {
  status: number;
  headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- what the service answers is what the tests are about
  body: any;
}

export interface PaymentBody {
  amount: unknown;
  currency: unknown;
  customerId: unknown;
  description: unknown;
}

export interface Effect {
  id: string;
  key: string;
  kind: string;
  reference: string;
  amount: number;
  deliveries: number;
}

export async function startPlatform(env: Record<string, string> = {}): Promise<Platform> {
  const dataDir = mkdtempSync(join(tmpdir(), 'kit-example-'));
  const [paymentPort, orderPort, channelPort, riskPort] = await Promise.all(
    [1, 2, 3, 4].map(() => freePort()),
  );
  const adminToken = randomUUID();
  const shared = {
    DATA_DIR: dataDir,
    HOST: '127.0.0.1',
    PAYMENT_PORT: String(paymentPort),
    ORDER_PORT: String(orderPort),
    CHANNEL_PORT: String(channelPort),
    RISK_PORT: String(riskPort),
    ORDER_URL: `http://127.0.0.1:${orderPort}`,
    CHANNEL_URL: `http://127.0.0.1:${channelPort}`,
    RISK_URL: `http://127.0.0.1:${riskPort}`,
    DATABASE_URL: '',
    REDIS_URL: '',
    ADMIN_TOKEN: adminToken,
    LOG_CONSOLE: 'json',
    SHUTDOWN_DELAY_MS: '0',
    // Nothing here is timed out for being slow, unless a test wants that.
    PARTNER_TIMEOUT_MS: '10000',
    REQUEST_DEADLINE_MS: '60000',
    TRUSTED_PROXIES: '',
    ...env,
  };
  const partners = {
    order: shared.ORDER_URL,
    channel: shared.CHANNEL_URL,
    risk: shared.RISK_URL,
  };
  const url = `http://127.0.0.1:${paymentPort}`;
  const partnersProcess = runChild(partnersMain, { env: shared });
  let service = runChild(paymentMain, { env: shared });
  await Promise.all([
    untilReady(url, service),
    ...Object.values(partners).map((partner) => untilReady(partner, partnersProcess)),
  ]);

  const request = async (path: string, { json, ...init }: RequestInit & { json?: unknown } = {}) => {
    const response = await fetch(new URL(path, url), {
      ...init,
      ...(json !== undefined && { method: init.method ?? 'POST', body: JSON.stringify(json) }),
      headers: {
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...(init.headers as Record<string, string>),
      },
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      body: isJson && text ? JSON.parse(text) : text,
    };
  };

  return {
    url,
    dataDir,
    adminToken,
    partners,
    get service() {
      return service;
    },
    get partnersLog() {
      return partnersProcess.stdout;
    },
    request,
    pay: (payment = {}, key = randomUUID()) =>
      request('/v1/payments', {
        json: { amount: 1_250, currency: 'EUR', customerId: 'customer-1', ...payment },
        headers: { 'idempotency-key': key },
      }),
    async breakPartner(name, faults) {
      const response = await fetch(`${partners[name]}/faults`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(faults),
      });
      if (!response.ok) throw new Error(`PUT /faults answered ${response.status}: ${await response.text()}`);
    },
    async heal(name) {
      await fetch(`${partners[name]}/faults`, { method: 'DELETE' });
    },
    async effects(name, filter = {}) {
      const response = await fetch(`${partners[name]}/ledger?${new URLSearchParams(filter)}`);
      return ((await response.json()) as { items: Effect[] }).items;
    },
    async events(topic) {
      if (!shared.REDIS_URL)
        return service.stdout
          .split('\n')
          .filter((line) => line.includes(topic))
          .join('\n');
      const redis = new Redis(shared.REDIS_URL);
      const entries = await redis.xrange(topic, '-', '+');
      redis.disconnect();
      return JSON.stringify(entries);
    },
    async killService() {
      service.signal('SIGKILL');
      await service.exited;
    },
    async startService() {
      service = runChild(paymentMain, { env: shared });
      await untilReady(url, service);
    },
    async stop() {
      service.signal('SIGTERM');
      partnersProcess.signal('SIGTERM');
      await Promise.all([service.exited, partnersProcess.exited]);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Asks until the answer is what is waited for. */
export async function eventually<T>(
  ask: () => Promise<T>,
  isIt: (value: T) => boolean,
  timeoutMs = 90_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await ask();
    if (isIt(value)) return value;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(value)} after ${timeoutMs} ms`);
    await delay(100);
  }
}

async function untilReady(url: string, child: RunningChild): Promise<void> {
  let hasEnded = false;
  void child.exited.then(() => (hasEnded = true));
  const deadline = Date.now() + 150_000;
  for (;;) {
    const isReady = await fetch(`${url}/health/ready`).then(
      async (response) => {
        await response.body?.cancel();
        return response.ok;
      },
      () => false,
    );
    if (isReady) return;
    if (hasEnded || Date.now() > deadline)
      throw new Error(`no answer from ${url}:\n${child.stdout}${child.stderr}`);
    await delay(50);
  }
}
