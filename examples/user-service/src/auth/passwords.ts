import { hash, verify } from '@node-rs/argon2';

// argon2id with the parameters of the OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export const hashPassword = (password: string): Promise<string> => hash(password, parameters);

let decoy: Promise<string> | undefined;

/** False for a user without a password, after the same work as for a wrong one. */
export async function verifyPassword(passwordHash: string | null, password: string): Promise<boolean> {
  const matches = await verify(
    passwordHash ?? (await (decoy ??= hashPassword('nobody has this password'))),
    password,
  );
  return passwordHash !== null && matches;
}
