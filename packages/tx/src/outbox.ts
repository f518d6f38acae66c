import { randomUUID } from 'node:crypto';
import { checkText } from './check-text.js';
import { openSession } from './database-session.js';
import { PropagationError } from './errors.js';
import { toJsonText } from './json-value.js';
import type { TransactionManager } from './manager.js';
import { checkObject } from './options.js';
import { wakeRelays } from './relay-wake.js';
import { traceHeaders } from './trace-port.js';

/** Messages that leave the service if, and only if, the transaction commits. */
export interface Outbox {
  /** The manager's name with `-outbox`; with `backlog()` it is what a health check needs. */
  readonly name: string;
  /**
   * Writes a message in the current transaction.
   *
   * @param options.key Messages of one key are published in the order they were added; no order without.
   * @param options.messageId What receivers recognise repetitions by; a second one is an error of the database. @default a UUID
   * @returns the message id
   * @throws PropagationError (`KIT_TX_PROPAGATION`) outside a transaction.
   * @throws TypeError when JSON cannot hold the payload, or a name is too long.
   */
  add(
    topic: string,
    payload: unknown,
    options?: { key?: string | undefined; messageId?: string | undefined },
  ): Promise<string>;
  /** Messages that still have to be published; the abandoned ones are not among them. */
  backlog(): Promise<number>;
}

/**
 * Makes the writing side of the outbox; `createOutboxRelay` is the other one.
 *
 * @example
 * declare const tm: TransactionManager;
 * const outbox = createOutbox(tm);
 * await tm.run(async () => {
 *   await tm.db('payments').where({ id: 7 }).update({ status: 'paid' });
 *   await outbox.add('payment.paid', { id: 7 }, { key: 'payment-7' });
 * });
 */
export function createOutbox(tm: TransactionManager): Outbox {
  const session = openSession(tm);
  return {
    name: `${tm.name}-outbox`,
    async add(topic, payload, options = {}) {
      checkObject(options);
      const { key, messageId = randomUUID() } = options;
      checkText('topic', topic, 255);
      checkText('messageId', messageId, 255);
      if (key !== undefined) checkText('key', key, 255);
      if (!tm.isActive()) {
        throw new PropagationError(
          `Outbox of "${tm.name}" needs a transaction: a message that is written by itself may tell of what never happened`,
        );
      }
      const row = {
        message_id: messageId,
        topic,
        msg_key: key ?? null,
        payload: toJsonText(payload, `the payload of topic "${topic}"`),
        headers: JSON.stringify(traceHeaders()),
        status: 'pending',
        attempts: 0,
        due_at: session.raw(session.now),
        created_at: session.raw(session.now),
      };
      const insert = session.db('kit_outbox').insert(row);
      // PostgreSQL delivers the note at COMMIT, once per transaction, to the relays of every instance.
      await (session.engine === 'postgres'
        ? insert.returning(session.raw(`pg_notify('kit_outbox', '')`))
        : insert);
      tm.afterCommit(() => wakeRelays(tm));
      return messageId;
    },
    async backlog() {
      const [row] = await session.db('kit_outbox').where({ status: 'pending' }).count({ size: '*' });
      return Number((row as { size: unknown }).size);
    },
  };
}
