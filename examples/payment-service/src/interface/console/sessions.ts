import { createHash, createHmac, randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';

export interface Session {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** What a form or a script of our own page sends along; no other site can know it. */
  readonly csrf: string;
}

export interface Sessions {
  /** Whether this is the admin token; its time tells nothing. */
  accepts(token: string): boolean;
  issue(): { session: Session; cookie: string };
  /** The session of a cookie that is ours, not over and not logged out. */
  read(cookie: string | undefined): Session | undefined;
  revoke(session: Session): void;
}

const maxRevoked = 10_000;

/**
 * Sessions that live in their cookie, signed: they survive a restart and hold on every instance, and end with the token
 * they were opened with. Logged-out ones are remembered until they would have ended.
 */
export function createSessions(token: string | undefined, sessionMs: number, now: () => number): Sessions {
  // Slow on purpose: a stolen cookie must not be a quick way to try tokens.
  const key = token === undefined ? randomBytes(32) : scryptSync(token, 'kit console session', 32);
  const sign = (text: string) => createHmac('sha256', key).update(text).digest('base64url');
  const sessionOf = (id: string, expiresAt: number): Session => ({ id, expiresAt, csrf: sign(`csrf ${id}`) });
  const revoked = new Map<string, number>();

  return {
    accepts: (given) => token !== undefined && isSame(given, token),
    issue() {
      const id = randomBytes(16).toString('base64url');
      const expiresAt = now() + sessionMs;
      const body = `${id}.${expiresAt}`;
      return { session: sessionOf(id, expiresAt), cookie: `${body}.${sign(body)}` };
    },
    read(cookie) {
      const [, body, id, expires, signature] =
        /^(([\w-]{22})\.(\d{1,16}))\.([\w-]{43})$/.exec(cookie ?? '') ?? [];
      if (body === undefined || !isSame(signature!, sign(body))) return undefined;
      const expiresAt = Number(expires);
      if (expiresAt <= now() || revoked.has(id!)) return undefined;
      return sessionOf(id!, expiresAt);
    },
    revoke({ id, expiresAt }) {
      for (const [old, end] of revoked) {
        if (end <= now() || revoked.size >= maxRevoked) revoked.delete(old);
      }
      revoked.set(id, expiresAt);
    },
  };
}

/** Digests have one length, whatever is compared. */
export function isSame(left: string, right: string): boolean {
  return timingSafeEqual(digest(left), digest(right));
}

const digest = (text: string) => createHash('sha256').update(text).digest();
