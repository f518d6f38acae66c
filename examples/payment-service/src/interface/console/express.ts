import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Console } from './console.ts';

/** What Express adds to a request. */
type ExpressRequest = IncomingMessage & {
  originalUrl?: string;
  ip?: string | undefined;
  secure?: boolean;
  body?: unknown;
};

/** Mounts the console on an Express app, 4 or 5: `app.use(consoleMiddleware(console))`. */
export function consoleMiddleware(console: Console) {
  return (req: ExpressRequest, res: ServerResponse, next: () => void): void => {
    const { originalUrl: url = req.url, ip, secure, body } = req;
    if (!console.owns(url)) return next();
    void console.handle(req, res, { url, ip, secure, body });
  };
}
