import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Empties a server of its connections without cutting a request. @internal */
export interface Drain {
  /** From now on every response tells its client to open a new connection the next time. */
  sayGoodbye(): void;
  /** Stops listening and waits; false when requests had to be cut at the end of the timeout. */
  finish(timeoutMs: number): Promise<boolean>;
  close(): void;
}

const pollMs = 50;
/** A server under full load may never have such a turn. */
const maxQuietWaitMs = 1_000;
/** How long an opened connection may stay silent before nobody will use it: browsers open some in advance. */
const silenceMs = 1_000;

/** @internal */
export function createDrain(server: Server): Drain {
  const sockets = new Map<Socket, number>();
  const inFlight = new Set<ServerResponse>();
  let isLeaving = false;
  let accepted = 0;

  const onConnection = (socket: Socket) => {
    accepted += 1;
    sockets.set(socket, performance.now());
    socket.once('close', () => sockets.delete(socket));
  };
  const onRequest = (req: IncomingMessage, res: ServerResponse) => {
    inFlight.add(res);
    res.once('close', () => inFlight.delete(res));
    if (isLeaving) announce(res, req);
  };
  server.prependListener('connection', onConnection);
  // Before the framework's listener, which may answer in the same tick.
  server.prependListener('request', onRequest);

  const closeUnused = () => {
    server.closeIdleConnections();
    const now = performance.now();
    for (const [socket, since] of sockets) {
      if (socket.bytesRead === 0 && now - since > silenceMs) socket.destroy();
    }
  };

  /** What waits to be accepted when the server closes is reset: close after a turn that accepted nothing. */
  const emptyAcceptQueue = async () => {
    const giveUpAt = performance.now() + maxQuietWaitMs;
    for (let before = -1; accepted !== before && performance.now() < giveUpAt;) {
      before = accepted;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };

  return {
    sayGoodbye() {
      isLeaving = true;
      for (const res of inFlight) announce(res, res.req);
    },
    async finish(timeoutMs) {
      await emptyAcceptQueue();
      const closed = new Promise<true>((resolve) => server.close(() => resolve(true)));
      // Node closes what is idle now; a connection that falls idle later would be waited for.
      const poll = setInterval(closeUnused, pollMs);
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<false>((resolve) => {
        timer = setTimeout(() => resolve(false), timeoutMs);
      });
      const isClean = await Promise.race([closed, late]);
      clearInterval(poll);
      clearTimeout(timer);
      if (!isClean) {
        server.closeAllConnections();
        // Upgraded connections (WebSocket) are the server's no longer, but its close waits for them.
        for (const socket of sockets.keys()) socket.destroy();
      }
      return isClean;
    },
    close() {
      server.removeListener('connection', onConnection);
      server.removeListener('request', onRequest);
    },
  };
}

function announce(res: ServerResponse, req: IncomingMessage): void {
  // HTTP/2 has no such header (RFC 9113 §8.2.2).
  if (!res.headersSent && req.httpVersionMajor < 2) res.setHeader('Connection', 'close');
}
