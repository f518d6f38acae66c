import { setTimeout as delay } from 'node:timers/promises';
import { coreOf, type TransactionManager } from './manager.js';

/** The part of a pg connection that LISTEN needs; it is no member of the pool. */
interface NotesConnection {
  query(sql: string): Promise<unknown>;
  on(event: 'notification' | 'error' | 'end', listener: (value: unknown) => void): unknown;
  end(): Promise<void>;
}

/**
 * Calls `wake` when any instance commits a message on PostgreSQL. A connection that is lost is opened again; until then
 * the poll finds the messages.
 *
 * @internal
 */
export function listenForNotes(
  tm: TransactionManager,
  wake: () => void,
  onError: (error: unknown) => void,
): () => Promise<void> {
  let closed = false;
  let connection: NotesConnection | undefined;
  let retry: NodeJS.Timeout | undefined;
  let opening = open();

  return async () => {
    closed = true;
    clearTimeout(retry);
    // A server that does not answer must not hold up the end; a connection that comes later is ended then.
    await Promise.race([opening, delay(1_000, undefined, { ref: false })]);
    await Promise.race([connection?.end().catch(() => {}), delay(1_000, undefined, { ref: false })]);
  };

  async function open(): Promise<void> {
    let opened: NotesConnection | undefined;
    try {
      opened = await rawConnection(tm);
      opened.on('notification', wake);
      opened.on('error', onError);
      opened.on('end', () => again(opened));
      connection = opened;
      await opened.query('LISTEN kit_outbox');
      // Notes that came before we listened are lost; what they told of is not.
      wake();
      if (closed) await opened.end();
    } catch (error) {
      onError(error);
      opened?.end().catch(() => {});
      again(connection);
    }
  }

  function again(lost: NotesConnection | undefined): void {
    if (closed || lost !== connection) return;
    connection = undefined;
    clearTimeout(retry);
    retry = setTimeout(() => {
      opening = open();
    }, 1_000);
    retry.unref();
  }
}

/** Beside the pool: a connection that listens for ever would be missing in it. */
function rawConnection(tm: TransactionManager): Promise<NotesConnection> {
  const client = coreOf(tm).client as unknown as { acquireRawConnection(): Promise<NotesConnection> };
  return client.acquireRawConnection();
}
