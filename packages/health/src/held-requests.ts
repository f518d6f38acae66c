import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

/** Requests a server has read and not yet begun. @internal */
export interface HeldRequests {
  readonly count: number;
  /** Gives them to the server's listeners, as if they came now; harmless the second time. */
  release(): void;
}

/** From now on keeps requests from the listeners of a server; bodies wait in their sockets. @internal */
export function holdRequests(server: Server): HeldRequests {
  const listeners = server.rawListeners('request');
  const begins: (() => void)[] = [];
  let count = 0;
  const keep = (req: IncomingMessage, res: ServerResponse) => {
    count += 1;
    const begin = () => {
      // Who left in the meantime is not told: a handler would wait for a 'close' that has been.
      if (res.destroyed) return;
      for (const listener of listeners) Reflect.apply(listener, server, [req, res]);
    };
    // A listener that instruments requests has set an async context by now.
    begins.push(AsyncResource.bind(begin));
  };
  server.removeAllListeners('request');
  server.on('request', keep);
  return {
    get count() {
      return count;
    },
    release() {
      if (!server.listeners('request').includes(keep)) return;
      server.removeListener('request', keep);
      for (const listener of listeners)
        server.on('request', listener as (req: IncomingMessage, res: ServerResponse) => void);
      // Each in a turn of its own: one that throws must not keep the others waiting.
      for (const begin of begins.splice(0)) setImmediate(begin);
    },
  };
}
