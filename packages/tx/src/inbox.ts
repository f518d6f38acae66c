import { checkText } from './check-text.js';
import { type Engine, nowSql } from './database-clock.js';
import { openSession } from './database-session.js';
import type { TransactionManager } from './manager.js';
import { checkFunction } from './options.js';
import { checkMs } from './saga-options.js';

/** Remembers which messages were handled. */
export interface Inbox {
  /**
   * Handles a message unless `consumer` has handled it before. The note and the handler's writes are one transaction:
   * the current one, else one of its own.
   *
   * @throws what `fn` throws; the message then counts as not handled.
   * @throws TypeError for a consumer beyond 100 or a message id beyond 255 characters.
   */
  once<T>(
    consumer: string,
    messageId: string,
    fn: () => Promise<T>,
  ): Promise<{ status: 'handled'; result: T } | { status: 'duplicate' }>;
  /** Forgets messages that were handled longer ago; how many. Keep them longer than any broker redelivers. */
  purge(olderThanMs: number): Promise<number>;
}

/**
 * Makes the receiving side of an outbox that delivers at least once.
 *
 * @example
 * declare const tm: TransactionManager;
 * const inbox = createInbox(tm);
 * const { status } = await inbox.once('mailer', 'message-7', async () => {
 *   await tm.db('mails').insert({ to: 'a@example.com' });
 * });
 */
export function createInbox(tm: TransactionManager): Inbox {
  const session = openSession(tm);
  return {
    async once(consumer, messageId, fn) {
      checkText('consumer', consumer, 100);
      checkText('messageId', messageId, 255);
      checkFunction(fn);
      return tm.run({ retry: { attempts: 5 } }, async () => {
        // Of two at the same time the second one waits here until the first has committed or rolled back.
        const inserted: unknown = await session.raw(insertSql[session.engine], [consumer, messageId]);
        if (countOf(inserted) === 0) return { status: 'duplicate' as const };
        return { status: 'handled' as const, result: await fn() };
      });
    },
    async purge(olderThanMs) {
      checkMs('olderThanMs', olderThanMs, 0);
      const before = session.raw(`${session.now} - ${Math.floor(olderThanMs)}`);
      return session.write(() => session.db('kit_inbox').where('handled_at', '<', before).delete());
    },
  };

  function countOf(response: unknown): number {
    if (session.engine === 'postgres') return (response as { rows: unknown[] }).rows.length;
    if (session.engine === 'mysql') return (response as [{ affectedRows: number }])[0].affectedRows;
    return (response as unknown[]).length;
  }
}

const standardInsert = (now: string) =>
  `INSERT INTO kit_inbox (consumer, message_id, handled_at) VALUES (?, ?, ${now}) ON CONFLICT DO NOTHING RETURNING consumer`;

const insertSql: Record<Engine, string> = {
  postgres: standardInsert(nowSql.postgres),
  sqlite: standardInsert(nowSql.sqlite),
  // IGNORE would also shorten what is too long; the lengths were checked before.
  mysql: `INSERT IGNORE INTO kit_inbox (consumer, message_id, handled_at) VALUES (?, ?, ${nowSql.mysql})`,
};
