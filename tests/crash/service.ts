/** One instance of the service, as a process that a test can kill. It is commanded over IPC. */
import { createInbox, createOutboxRelay, createSagaRunner, createTransactionManager } from '@kit/tx';
import { defineFlow, type KillPoint } from './flow.ts';
import { type EngineName, openKnex } from './knex.ts';

const {
  ENGINE,
  DATABASE,
  PARTNER,
  VERSION = '1',
  OBEYS,
  RELAY,
  LEASE = '800',
  POLL = '25',
  TIMEOUT = '10000',
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

const flow = defineFlow(tm, PARTNER!, {
  version: Number(VERSION),
  timeoutMs: Number(TIMEOUT),
  reach(point, context) {
    const kill = context.input.kill as KillPoint | undefined;
    // Its own payment only: it may have taken over one that has killed another instance.
    if (OBEYS !== context.input.id || kill?.at !== point) return;
    if (kill.after === 0) die();
    statementsLeft = kill.after;
  },
});

const leaseMs = Number(LEASE);
const runner = createSagaRunner(tm, {
  sagas: [flow.createPayment, flow.refundPayment],
  leaseMs,
  pollMs: Number(POLL),
  backoff: { baseMs: 20, maxMs: 200 },
  undoAttempts: 50,
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

export type Command =
  | { call: number; op: 'pay'; input: Parameters<typeof start>[1]; dedupeKey?: string }
  | { call: number; op: 'refund'; input: Parameters<typeof start>[1]; dedupeKey?: string }
  | { call: number; op: 'get'; id: string };

process.on('message', async (command: Command) => {
  try {
    const value =
      command.op === 'get'
        ? await runner.get(command.id)
        : await start(command.op, command.input, command.dedupeKey);
    process.send?.({ call: command.call, value });
  } catch (error) {
    const { name, message, code } = error as { name: string; message: string; code?: string };
    process.send?.({ call: command.call, error: { name, message, code } });
  }
});
// The test is gone: so are we.
process.on('disconnect', () => process.exit(0));
process.send?.('ready');

function start(op: 'pay' | 'refund', input: unknown, dedupeKey: string | undefined) {
  const options = { dedupeKey };
  return op === 'pay'
    ? runner.start(flow.createPayment, input as never, options)
    : runner.start(flow.refundPayment, input as never, options);
}
