import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

type Caller = Pick<IncomingMessage, 'headers' | 'socket'>;

/** True for a caller on this very machine that speaks for nobody else. */
export function isLoopback({ headers, socket }: Caller): boolean {
  const isForwarded = 'x-forwarded-for' in headers || 'forwarded' in headers;
  const address = socket.remoteAddress ?? '';
  return !isForwarded && /^(::ffff:)?127\.|^::1$/.test(address);
}

/** True with the admin token as bearer; without a token in the configuration nobody is an admin. */
export function mayAdminister({ headers }: Caller, adminToken: string | undefined): boolean {
  const [, given] = /^Bearer (.+)$/i.exec(headers.authorization ?? '') ?? [];
  if (adminToken === undefined || given === undefined) return false;
  return timingSafeEqual(digest(given), digest(adminToken));
}

// Equal length for a comparison whose time tells nothing.
const digest = (text: string) => createHash('sha256').update(text).digest();
