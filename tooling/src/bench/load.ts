import { connect, type Socket } from 'node:net';

/** What is asked for, on how many keep-alive connections. */
export interface LoadOptions {
  port: number;
  path: string;
  /** The status that every answer must have. */
  status: number;
  connections: number;
}

/** A client that costs less than any server it drives. */
export interface LoadClient {
  /** Resolves after `amount` answers; rejects at the first one that is wrong. */
  run(amount: number): Promise<void>;
  close(): void;
}

/**
 * Opens the connections. Each has one request under way and sends the next as soon as the answer is there, as callers behind a
 * load balancer do: no pipelining, in which Node treats a response otherwise. The request is the same bytes every time, and of
 * an answer only the status and the length are read.
 */
export async function openLoad(options: LoadOptions): Promise<LoadClient> {
  const request = Buffer.from(`GET ${options.path} HTTP/1.1\r\nHost: 127.0.0.1:${options.port}\r\n\r\n`);
  const begin = `HTTP/1.1 ${options.status} `;
  let left = 0;
  let underWay = 0;
  let settle: { resolve: () => void; reject: (error: Error) => void } | undefined;

  const fail = (error: Error): void => {
    settle?.reject(error);
    settle = undefined;
  };
  const next = (socket: Socket): void => {
    if (left === 0) return;
    left -= 1;
    underWay += 1;
    socket.write(request);
  };
  const answered = (socket: Socket): void => {
    underWay -= 1;
    next(socket);
    if (underWay > 0) return;
    settle?.resolve();
    settle = undefined;
  };

  const sockets = await Promise.all(
    Array.from({ length: options.connections }, () => open(options.port, begin, answered, fail)),
  );
  return {
    run: (amount) =>
      new Promise((resolve, reject) => {
        settle = { resolve, reject };
        left = amount;
        for (const socket of sockets) next(socket);
        // Without a pause: a client that sleeps makes the server wake it, which costs the server more the faster it is.
        const spin = () => void (settle && setImmediate(spin));
        spin();
      }),
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function open(
  port: number,
  begin: string,
  answered: (socket: Socket) => void,
  fail: (error: Error) => void,
): Promise<Socket> {
  const buffer = Buffer.alloc(65_536);
  let pending = '';
  return new Promise((resolve, reject) => {
    const read = (bytes: number): boolean => {
      const text = pending + buffer.toString('latin1', 0, bytes);
      const length = lengthOf(text);
      if (length === undefined || text.length < length) pending = text;
      else if (text.length > length || !text.startsWith(begin))
        fail(new Error(`expected one answer ${begin.trim()}, got ${text.slice(0, 500)}`));
      else {
        pending = '';
        answered(socket);
      }
      return true;
    };
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback: read } });
    socket.once('connect', () => resolve(socket));
    socket.on('error', (error) => {
      reject(error);
      fail(error);
    });
    socket.on('end', () => fail(new Error('the server closed a connection')));
  });
}

/** Characters of a whole answer, head included, by its Content-Length; undefined while the head is not there yet. */
function lengthOf(text: string): number | undefined {
  const head = text.indexOf('\r\n\r\n');
  if (head === -1) return undefined;
  return head + 4 + Number(/\r\ncontent-length: (\d+)\r\n/i.exec(text)?.[1] ?? 0);
}
