import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type HeldRequests, holdRequests } from './held-requests.js';

/** Empties a server of its connections without cutting a request. @internal */
export interface Drain {
  /** From now on every response tells its client to open a new connection the next time. */
  sayGoodbye(): void;
  /** Stops listening and waits; false when requests had to be cut at the end of the timeout. */
  finish(timeoutMs: number): Promise<boolean>;
  close(): void;
}

const pollMs = 50;
/** How long nobody may have connected and nobody been answered before the server stops listening. */
const quietMs = 50;
const quietPollMs = 5;
/** Clients that do not wait for each other's answers never fall quiet: then a turn that accepts nothing must do. */
const maxQuietWaitMs = 500;
const maxTurnWaitMs = 1_000;
/** How long an opened connection may stay silent before nobody will use it: browsers open some in advance. */
const silenceMs = 1_000;

/** @internal */
export function createDrain(server: Server): Drain {
  const sockets = new Map<Socket, number>();
  const inFlight = new Set<ServerResponse>();
  let held: HeldRequests | undefined;
  let isLeaving = false;
  let accepted = 0;
  let answered = 0;
  /** Most requests at work at once since the goodbye: about as many clients there are. */
  let peak = 0;

  const onConnection = (socket: Socket) => {
    accepted += 1;
    sockets.set(socket, performance.now());
    socket.once('close', () => sockets.delete(socket));
  };
  const onRequest = (req: IncomingMessage, res: ServerResponse) => {
    inFlight.add(res);
    res.once('close', () => {
      answered += 1;
      inFlight.delete(res);
    });
    if (!isLeaving) return;
    peak = Math.max(peak, inFlight.size);
    announce(res, req);
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

  /**
   * What waits to be accepted when a server closes is reset by the kernel, whatever the server does. But a client that
   * waits for an answer opens no connection: while requests are held back, soon all do, and the queue stays empty.
   */
  const awaitQuiet = async (waiting: HeldRequests) => {
    const startedAt = performance.now();
    let quietSince = startedAt;
    for (;;) {
      const before = accepted + answered;
      // A sleep, not a spin: the clients may share this machine.
      await delay(quietPollMs);
      // Timers come before the accepts of their turn.
      await new Promise((resolve) => setImmediate(resolve));
      const now = performance.now();
      if (accepted + answered !== before) quietSince = now;
      const isEverybodyHere = inFlight.size + waiting.count >= peak;
      if (now - startedAt >= maxQuietWaitMs || (isEverybodyHere && now - quietSince >= quietMs)) break;
    }
    const giveUpAt = performance.now() + maxTurnWaitMs;
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
      held = holdRequests(server);
      await awaitQuiet(held);
      const closed = new Promise<true>((resolve) => server.close(() => resolve(true)));
      held.release();
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
      held?.release();
      server.removeListener('connection', onConnection);
      server.removeListener('request', onRequest);
    },
  };
}

function announce(res: ServerResponse, req: IncomingMessage): void {
  // HTTP/2 has no such header (RFC 9113 §8.2.2).
  if (!res.headersSent && req.httpVersionMajor < 2) res.setHeader('Connection', 'close');
}
