/**
 * A partner as a process of its own, with its own ledger of effects. It keeps to its side of the bargain: one effect
 * per idempotency key, an undo that also forbids a call that is still on its way. And it is as unreliable as told.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export type Fault = 'declined' | 'down' | 'drop' | 'slow' | 'late' | 'garbage' | 'twice';

export interface Effect {
  key: string;
  kind: string;
  subject: string;
  amount: number;
}

export interface Ledger {
  effects: Effect[];
  reversed: string[];
  /** Times a call with this key arrived. */
  calls: Record<string, number>;
  deliveries: { id: string; topic: string; key?: string; payload: unknown }[];
}

const effects: Effect[] = [];
const byKey = new Map<string, Effect>();
const reversed = new Set<string>();
const refused = new Set<string>();
const calls = new Map<string, number>();
const deliveries: Ledger['deliveries'] = [];
let isMended = false;
/** How late a slow answer is, and a late effect. */
const lateMs = Number(process.env.LATE ?? 700);

createServer(async (request, response) => {
  try {
    await handle(request, response);
  } catch (error) {
    answer(response, 500, { error: String(error) });
  }
}).listen(0, '127.0.0.1', function (this: { address(): unknown }) {
  console.log(`partner on ${(this.address() as AddressInfo).port}`);
});

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const key = String(request.headers['idempotency-key'] ?? '');
  const [, what, kind = ''] = request.url!.split('/');
  if (what === 'ledger') {
    const ledger: Ledger = { effects, reversed: [...reversed], calls: Object.fromEntries(calls), deliveries };
    return answer(response, 200, ledger);
  }
  if (what === 'mend') {
    isMended = true;
    return answer(response, 200, {});
  }
  if (what === 'effects') {
    const found = byKey.get(key);
    return answer(response, found ? 200 : 404, found ?? {});
  }
  const body = await bodyOf(request);
  if (what === 'messages') {
    deliveries.push(...(body as unknown as Ledger['deliveries']));
    return answer(response, 200, {});
  }
  if (what === 'undo') {
    if (body.fault === 'broken' && !isMended) return answer(response, 503, {});
    // Also for a call that never came: when it does, it must not act any more.
    refused.add(key);
    if (byKey.has(key)) reversed.add(key);
    return answer(response, 200, {});
  }
  return act(key, kind, body as { subject: string; amount: number; fault?: Fault }, response);
}

async function act(
  key: string,
  kind: string,
  { subject, amount, fault }: { subject: string; amount: number; fault?: Fault },
  response: ServerResponse,
): Promise<void> {
  const call = (calls.get(key) ?? 0) + 1;
  calls.set(key, call);
  if (fault === 'declined') return answer(response, 402, { declined: true });
  if (fault === 'down' && call <= 2) return void response.destroy();
  if (fault === 'late' && call === 1) await delay(lateMs);
  if (refused.has(key)) return answer(response, 409, { refused: true });
  if (!byKey.has(key)) {
    const effect = { key, kind, subject, amount };
    byKey.set(key, effect);
    effects.push(effect);
  }
  if (fault === 'drop' && call === 1) return void response.destroy();
  if (fault === 'slow' && call === 1) await delay(lateMs);
  if (fault === 'garbage' && call === 1) return void response.end('<html>502 Bad Gateway');
  if (fault === 'twice') return answerTwice(response, { receipt: `${kind}-${key}` });
  return answer(response, 200, { receipt: `${kind}-${key}` });
}

/** Two whole responses to one request, on the same connection. */
function answerTwice(response: ServerResponse, body: unknown): void {
  const text = JSON.stringify(body);
  const whole = `HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
  response.socket!.write(whole + whole);
  setTimeout(() => response.destroy(), 100);
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString() || '{}') as Record<string, unknown>;
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.statusCode = status;
  response.end(JSON.stringify(body));
}
