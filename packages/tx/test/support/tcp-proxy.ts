import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy that can cut its connections, at once or when the client sends a certain text. */
export interface TcpProxy {
  readonly port: number;
  /** Cuts a connection when the client sends `text`: before it is passed on, or once the server has answered. */
  cutOn(text: string | undefined, when?: 'before' | 'after'): void;
  /** Keeps back what the server answers to the next `text`, until `release`. */
  holdAnswer(text: string): { readonly held: Promise<void>; release(): void };
  cutAll(): void;
  close(): Promise<void>;
}

export async function startProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let cut: { text: string; when: 'before' | 'after' } | undefined;
  let hold: { text: string; reached(): void; released: Promise<void> } | undefined;
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    }
    const end = () => [client, upstream].forEach((socket) => socket.destroy());
    client.on('data', (chunk) => {
      const text = chunk.toString('latin1').toLowerCase();
      if (hold !== undefined && text.includes(hold.text)) {
        const { reached, released } = hold;
        hold = undefined;
        upstream.pause();
        reached();
        void released.then(() => upstream.resume());
      }
      const hit = cut !== undefined && text.includes(cut.text);
      if (hit && cut?.when === 'before') return end();
      upstream.write(chunk);
      // The answer never reaches the client.
      if (hit) upstream.once('data', end);
    });
    upstream.on('data', (chunk) => {
      if (!client.destroyed && !(cut?.when === 'after' && upstream.listenerCount('data') > 1))
        client.write(chunk);
    });
    client.on('end', end);
    upstream.on('end', end);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    cutOn(text, when = 'before') {
      cut = text === undefined ? undefined : { text: text.toLowerCase(), when };
    },
    holdAnswer(text) {
      const reached = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      hold = { text: text.toLowerCase(), reached: reached.resolve, released: released.promise };
      return { held: reached.promise, release: released.resolve };
    },
    cutAll() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
