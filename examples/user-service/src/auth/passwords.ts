import { createBulkhead } from '@kit/breaker';
import { hash, verify } from '@node-rs/argon2';
import { availableParallelism } from 'node:os';

// argon2id with the parameters of the OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/**
 * Hashing takes a whole core, on Node's four threads beside this one, which tokens and files need as well: no more at once
 * than there are cores. A flood of logins waits here, and what would wait too long is answered 503 at once.
 */
const hashing = createBulkhead({
  name: 'passwords',
  maxConcurrent: Math.min(3, availableParallelism()),
  maxQueue: 100,
  queueTimeoutMs: 5_000,
});

export const hashPassword = (password: string): Promise<string> =>
  hashing.run(() => hash(password, parameters));

let decoy: Promise<string> | undefined;

/** False for a user without a password, after the same work as for a wrong one. */
export async function verifyPassword(passwordHash: string | null, password: string): Promise<boolean> {
  const expected = passwordHash ?? (await (decoy ??= hashPassword('nobody has this password')));
  const matches = await hashing.run(() => verify(expected, password));
  return passwordHash !== null && matches;
}
