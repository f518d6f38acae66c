import {
  errors as joseErrors,
  exportJWK,
  generateKeyPair,
  generateSecret,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose';
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { errors } from '../errors.ts';
import type { Principal } from '../users/user.ts';

export type Algorithm = 'RS256' | 'HS256';
type StoredKey = JWK & { kid: string; alg: Algorithm };

/** Made once and kept as it is: jose remembers what it has imported by the object. */
interface UsableKey {
  kid: string;
  alg: Algorithm;
  signing: JWK;
  verifying: JWK;
}

export interface KeyRing {
  sign(principal: Principal): Promise<string>;
  /** @throws AppError `AUTH_TOKEN_EXPIRED` or `AUTH_FAILED` */
  verify(token: string): Promise<Principal>;
  /** The public halves, for services that verify by themselves. Shared secrets are not among them. */
  publicKeys(): Promise<{ keys: JWK[] }>;
}

export interface KeyRingOptions {
  file: string;
  ttlSeconds: number;
  issuer?: string;
  audience?: string;
}

const stored = z.object({
  keys: z.array(z.looseObject({ kid: z.string().min(1), alg: z.enum(['RS256', 'HS256']) })).min(1),
});
const claims = z.object({ sub: z.string(), role: z.enum(['user', 'admin']) });

/**
 * Signs with the newest key of a file and verifies with any of them. Rotation writes the file anew (`rotateKeys`);
 * a running service sees it at the next token and needs no restart.
 */
export async function openKeyRing(options: KeyRingOptions): Promise<KeyRing> {
  const { file, ttlSeconds, issuer = 'user-service', audience = 'kit-platform' } = options;
  await rotateKeys(file, { onlyIfMissing: true });
  let keys: UsableKey[] = [];
  let readAtMtime = -1;

  const current = async (): Promise<UsableKey[]> => {
    // In sync: a few µs, where the threads of the others may be busy with passwords.
    const { mtimeMs } = statSync(file);
    if (mtimeMs !== readAtMtime) {
      keys = (await readKeys(file)).map(usable);
      readAtMtime = mtimeMs;
    }
    return keys;
  };
  await current();

  return {
    async sign({ userId, role }) {
      const [key] = await current();
      return new SignJWT({ role })
        .setProtectedHeader({ alg: key!.alg, kid: key!.kid })
        .setSubject(userId)
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime(`${ttlSeconds}s`)
        .sign(key!.signing);
    },
    async verify(token) {
      try {
        const known = await current();
        const { payload } = await jwtVerify(
          token,
          async ({ kid, alg }) => {
            // The key decides the algorithm, never the token: else a public RSA key would do as an HMAC secret.
            const key = known.find((candidate) => candidate.kid === kid && candidate.alg === alg);
            if (!key) throw new joseErrors.JWSSignatureVerificationFailed();
            return key.verifying;
          },
          { algorithms: ['RS256', 'HS256'], issuer, audience, requiredClaims: ['sub', 'exp'] },
        );
        const { sub, role } = claims.parse(payload);
        return { userId: sub, role };
      } catch (cause) {
        if (isExpired(cause)) throw errors.AUTH_TOKEN_EXPIRED(undefined, { cause });
        throw errors.AUTH_FAILED(undefined, { cause });
      }
    },
    async publicKeys() {
      const rsa = (await current()).filter((key) => key.alg === 'RS256');
      return { keys: rsa.map(({ verifying }) => ({ ...verifying, use: 'sig' })) };
    },
  };
}

const usable = (key: StoredKey): UsableKey => ({
  kid: key.kid,
  alg: key.alg,
  signing: key,
  verifying: verifyingHalf(key),
});

/** All of a shared secret; of an RSA pair the public part alone. */
function verifyingHalf({ kty, n, e, k, kid, alg }: StoredKey): JWK {
  return alg === 'HS256' ? { kty: kty!, k: k!, kid, alg } : { kty: kty!, n: n!, e: e!, kid, alg };
}

/** Puts a fresh key in front; the older ones verify until they drop off the end. Written whole or not at all. */
export async function rotateKeys(
  file: string,
  {
    algorithm = 'RS256',
    keep = 3,
    onlyIfMissing = false,
  }: { algorithm?: Algorithm; keep?: number; onlyIfMissing?: boolean } = {},
): Promise<string> {
  const existing = await readKeys(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (onlyIfMissing && existing[0]) return existing[0].kid;
  const kid = randomBytes(8).toString('hex');
  const keys = [{ ...(await newKey(algorithm)), kid, alg: algorithm }, ...existing].slice(0, keep);
  await mkdir(dirname(file), { recursive: true });
  const draft = `${file}.${kid}`;
  await writeFile(draft, `${JSON.stringify({ keys }, null, 2)}\n`, { mode: 0o600 });
  await rename(draft, file);
  return kid;
}

async function newKey(algorithm: Algorithm): Promise<JWK> {
  if (algorithm === 'HS256') return exportJWK(await generateSecret('HS256', { extractable: true }));
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return exportJWK(privateKey);
}

async function readKeys(file: string): Promise<StoredKey[]> {
  return stored.parse(JSON.parse(await readFile(file, 'utf8'))).keys;
}

const isExpired = (error: unknown): boolean =>
  (error as { code?: string } | undefined)?.code === 'ERR_JWT_EXPIRED';
