/** One instance of the service, as a process that a test can kill. It is commanded over IPC. */
import {
  createInbox,
  createOutboxRelay,
  createSagaRunner,
  createTransactionManager,
  type SagaResolution,
  type SagaStatus,
} from '@kit/tx';
import { defineFlow, type KillPoint } from './flow.ts';
import { servePayments } from './http.ts';
import { type EngineName, openKnex } from './knex.ts';
import { defineSettlement, type SettlementInput } from './settlement.ts';

const {
  ENGINE,
  DATABASE,
  PARTNER,
  VERSION = '1',
  OBEYS,
  RELAY,
  HTTP,
  LEASE = '800',
  POLL = '25',
  TIMEOUT = '10000',
  UNDO_ATTEMPTS = '50',
} = process.env;
const knex = openKnex(ENGINE as EngineName, DATABASE!);
const tm = createTransactionManager({ name: 'payment', primary: knex });
const inbox = createInbox(tm);

/** Set once the place is reached; counts down with every statement that is about to be sent. */
let statementsLeft: number | undefined;
const die = () => process.kill(process.pid, 'SIGKILL');
knex.client.on('query', () => {
  if (statementsLeft !== undefined && (statementsLeft -= 1) <= 0) die();
});

const reach = (point: string, { input }: { input: { id: string; kill?: KillPoint | undefined } }) => {
  const { id, kill } = input;
  // Its own payment only: it may have taken over one that has killed another instance.
  if (OBEYS !== id || kill?.at !== point) return;
  if (kill.after === 0) die();
  statementsLeft = kill.after;
};
const flow = defineFlow(tm, PARTNER!, { version: Number(VERSION), timeoutMs: Number(TIMEOUT), reach });
const settle = defineSettlement(tm, reach);

const leaseMs = Number(LEASE);
const runner = createSagaRunner(tm, {
  sagas: [flow.createPayment, flow.refundPayment],
  leaseMs,
  pollMs: Number(POLL),
  backoff: { baseMs: 20, maxMs: 200 },
  undoAttempts: Number(UNDO_ATTEMPTS),
  onError: (error) => console.log('runner:', (error as { code?: string }).code, String(error)),
});

if (RELAY !== undefined) {
  createOutboxRelay(tm, {
    leaseMs,
    pollMs: Number(POLL),
    batchSize: 5,
    backoff: { baseMs: 20, maxMs: 200 },
    onError: (error) => console.log('relay:', String(error)),
    async publish(batch) {
      await fetch(`${PARTNER}/messages`, {
        method: 'POST',
        body: JSON.stringify(batch.map(({ id, topic, key, payload }) => ({ id, topic, key, payload }))),
        signal: AbortSignal.timeout(2_000),
      });
      // What a consumer does: it may see a message twice and must act once.
      for (const { id, payload } of batch) {
        await inbox.once('notifier', id, async () => {
          await tm.db('notices').insert({ subject: payload.subject });
        });
      }
      if (RELAY === 'dies-after-publish') die();
    },
  });
}

type Command = { call: number; dedupeKey?: string } & (
  | { op: 'pay' | 'refund'; input: unknown }
  | { op: 'settle'; input: SettlementInput }
  | { op: 'get'; id: string }
  | { op: 'list'; status: SagaStatus }
  | { op: 'resolve'; id: string; resolution: SagaResolution }
);

async function obey(command: Command): Promise<unknown> {
  if (command.op === 'get') return runner.get(command.id);
  if (command.op === 'list') return runner.list({ status: command.status });
  if (command.op === 'resolve') return runner.resolve(command.id, command.resolution);
  if (command.op === 'settle') return settle(command.input);
  const { op, input, dedupeKey } = command;
  const saga = op === 'pay' ? flow.createPayment : flow.refundPayment;
  return runner.start(saga, input as never, { dedupeKey });
}

process.on('message', async (command: Command) => {
  try {
    const value = await obey(command);
    process.send?.({ call: command.call, value });
  } catch (error) {
    const { name, message, code } = error as { name: string; message: string; code?: string };
    process.send?.({ call: command.call, error: { name, message, code } });
  }
});
// The test is gone: so are we.
process.on('disconnect', () => process.exit(0));
if (HTTP !== undefined) {
  const port = await servePayments(HTTP, tm, (input, dedupeKey) =>
    runner.start(flow.createPayment, input, { dedupeKey }),
  );
  process.send?.({ port });
}
process.send?.('ready');
