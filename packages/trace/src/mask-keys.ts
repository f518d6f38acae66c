/** @internal What a key says about its value: nothing, a secret, or a card number whose last four digits may stay. */
export type KeyVerdict = 'plain' | 'secret' | 'card';

/** @internal */
export type KeyMatcher = (key: string) => KeyVerdict;

// As any word of a key: `dbPassword`, `refresh_token`, `x-hub-signature`.
const secretWords = [
  'password',
  'passwords',
  'passwd',
  'pwd',
  'passphrase',
  'token',
  'accesstoken',
  'refreshtoken',
  'idtoken',
  'authtoken',
  'secret',
  'secrets',
  'signature',
  'credential',
  'credentials',
  'authorization',
  'cookie',
  'cookies',
];
// Words that follow each other anywhere in a key, written together or apart: `x-api-key`, `stripeApiKey`, `APIKEY`.
const secretPairs = [
  'apikey',
  'privatekey',
  'secretkey',
  'accesskey',
  'encryptionkey',
  'bankaccount',
  'cardnumber',
];
// Only as the whole key: `keyboard`, `shipping` and `pinned` stay.
const secretKeys = ['key', 'pin', 'cvv', 'cvc', 'ssn', 'iban', 'pan'];

const maxCachedKeys = 10_000;

/** @internal Decides a key once and remembers it; the memory is dropped at 10,000 different keys. */
export function createKeyMatcher(extra: readonly string[], ignored: readonly string[]): KeyMatcher {
  const exact = new Set([...secretKeys, ...extra.map((key) => splitWords(key).join(''))]);
  const words = new Set(secretWords);
  const pairs = new Set(secretPairs);
  const allowed = new Set(ignored.map((key) => key.toLowerCase()));
  const known = new Map<string, KeyVerdict>();

  const decide = (key: string): KeyVerdict => {
    if (allowed.has(key.toLowerCase())) return 'plain';
    const parts = splitWords(key);
    const joined = parts.join('');
    if (parts.some((part, i) => isCard(part, parts[i + 1]))) return 'card';
    if (exact.has(joined)) return 'secret';
    const hit = parts.some(
      (part, i) => words.has(part) || pairs.has(part) || pairs.has(part + (parts[i + 1] ?? '')),
    );
    return hit ? 'secret' : 'plain';
  };

  return (key) => {
    let verdict = known.get(key);
    if (verdict === undefined) {
      verdict = decide(key);
      if (known.size >= maxCachedKeys) known.clear();
      // A key as long as a document is data, not a name: not worth keeping.
      if (key.length <= 128) known.set(key, verdict);
    }
    return verdict;
  };
}

/** @internal `userAPIKey2` → user, api, key: split at camel, snake and kebab borders, digits dropped. */
export function splitWords(key: string): string[] {
  const spaced = key
    .slice(0, 512)
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2');
  return spaced
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== '');
}

function isCard(part: string, next: string | undefined): boolean {
  return part === 'cardnumber' || (part === 'card' && next === 'number');
}
