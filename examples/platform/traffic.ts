import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

export interface TrafficOptions {
  /** The service everybody uses. */
  paymentUrl: string;
  /** A second instance, whose breakers nobody else depends on. */
  rehearsal: () => Promise<{ url: string; stop(): Promise<void> }>;
  say: (line: string) => void;
  signal: AbortSignal;
}

/** A little traffic, so that a newcomer sees logs with trace ids, and a breaker that opens and closes again. */
export async function sendTraffic(options: TrafficOptions): Promise<void> {
  const { paymentUrl, rehearsal, say, signal } = options;
  say('three payments, and the first of them once more under its Idempotency-Key:');
  const key = randomUUID();
  await pay(options, paymentUrl, { amount: 1_250, currency: 'EUR', customerId: 'demo-anna' }, key);
  await pay(options, paymentUrl, { amount: 99_00, currency: 'USD', customerId: 'demo-ben' });
  await pay(options, paymentUrl, { amount: 5_000, currency: 'JPY', customerId: 'demo-chie' });
  await pay(options, paymentUrl, { amount: 1_250, currency: 'EUR', customerId: 'demo-anna' }, key);

  say('a failing partner, shown on a second instance of payment-service so that yours stays healthy:');
  const second = await rehearsal();
  try {
    for (let call = 1; call <= 6 && !signal.aborted; call += 1) {
      await pay(options, second.url, { amount: 100, currency: 'EUR', customerId: 'outage-demo' });
    }
    say('the breaker of order-service is open: calls are refused at once. In 2 s it lets trials through:');
    await delay(2_200, undefined, { signal });
    for (let call = 1; call <= 4 && !signal.aborted; call += 1) {
      await pay(options, second.url, { amount: 100, currency: 'EUR', customerId: 'demo-anna' });
    }
    say('and it is closed again.');
  } finally {
    await second.stop();
  }
}

async function pay(
  { say, signal }: TrafficOptions,
  url: string,
  payment: { amount: number; currency: string; customerId: string },
  key: string = randomUUID(),
): Promise<void> {
  const startedAt = performance.now();
  const response = await fetch(`${url}/v1/payments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify(payment),
    signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]),
  });
  const body = (await response.json()) as { status?: unknown; code?: string };
  const ms = Math.round(performance.now() - startedAt);
  const trace = response.headers.get('x-trace-id');
  say(
    `  ${payment.amount} ${payment.currency} of ${payment.customerId} → ${response.status} ${body.code ?? String(body.status)} in ${ms} ms, trace ${trace}`,
  );
}
