/** What stands where a secret stood. */
export const masked = '***';

/**
 * Replaces credentials in a text: user and password in URLs, `password=…` in any spelling, tokens, card numbers, and the
 * values that database drivers quote.
 */
export function maskText(text: string): string {
  if (!suspicious.test(text)) return text;
  let result = text;
  for (const [pattern, replacement] of secretPatterns) result = result.replace(pattern, replacement);
  return result.replace(cardPattern, (digits) => (isCardNumber(digits) ? masked : digits));
}

/** Whether the value under this key must not be shown: `password`, `apiKey`, `x-auth-token`, but not `maxTokens`. */
export function isSecretKey(key: string): boolean {
  const words = key
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]/);
  return words.some((word) => secretWords.has(word)) || secretKeys.has(words.join(''));
}

/** Masks a text and cuts it to `limit` characters, as a copy that keeps no larger string alive. */
export function maskAndCut(text: string, limit: number): string {
  // The masker sees more than is kept, or half a secret at the cut would not look like one.
  const seen = text.length > limit * 4 ? dropLastWord(text.slice(0, limit * 4)) : text;
  const result = maskText(seen);
  return copyOf(result.length > limit ? `${result.slice(0, limit - 1)}…` : result);
}

/** Up to the last white space; a single word of that length tells nothing and may be a secret. */
function dropLastWord(text: string): string {
  let end = text.length;
  while (end > 0 && !/\s/.test(text[end - 1]!)) end -= 1;
  return end > 0 ? text.slice(0, end) : '[a very long word]';
}

/** V8 lets a slice share its parent's memory: a 512-character excerpt would keep 10 MB of response alive. */
function copyOf(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}

const secretWords = new Set([
  'password',
  'passwd',
  'pwd',
  'passphrase',
  'token',
  'secret',
  'signature',
  'authorization',
  'cookie',
  'dsn',
]);
const secretKeys = new Set([
  'key',
  'pin',
  'cvv',
  'cvc',
  'ssn',
  'apikey',
  'privatekey',
  'accesskey',
  'cardnumber',
  'bankaccount',
]);

const secretName = String.raw`(?:password|passwd|pwd|passphrase|secret|token|signature|api[_-]?key|private[_-]?key|access[_-]?key|authorization|cookie|card[_-]?number|\b(?:pin|cvv|cvc|ssn|auth))`;
// Whatever the patterns below find has one of these; most texts have none.
const suspicious = /[:=]|\d{4}|bearer|basic|eyJ|_(?:live|test)_|-----BEGIN|Duplicate entry|Failing row/i;
const secretPatterns: [RegExp, string][] = [
  // scheme://user:password@host; a password may itself contain an @
  [/\b([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#]{1,500}@/gi, `$1${masked}@`],
  [/\b(bearer|basic)\s+[\w.~+/=-]{4,}/gi, `$1 ${masked}`],
  [
    new RegExp(String.raw`(${secretName}["']?\s{0,3}[:=]\s{0,3})("[^"]*"|'[^']*'|[^\s,;&"'})\]]+)`, 'gi'),
    `$1${masked}`,
  ],
  [/\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/g, masked],
  [/\b(?:sk|pk|rk)_(?:live|test)_\w+/g, masked],
  [/-----BEGIN [A-Z ]+-----[\s\S]*?(?:-----END [A-Z ]+-----|$)/g, masked],
  // PostgreSQL: Key (email)=(a@b.c); Failing row contains (…). MySQL: Duplicate entry 'a@b.c'
  [/(Key \([^)]*\)=)\([^)]*\)/g, `$1(${masked})`],
  [/(Failing row contains )\([\s\S]*\)/g, `$1(${masked})`],
  [/(Duplicate entry )'[^']*'/g, `$1'${masked}'`],
];

// Visa, Mastercard, American Express, Discover, JCB, UnionPay: prefix and length, then Luhn.
const cardPattern = /\b(?:\d[ -]?){12,18}\d\b/g;
const issuerPattern =
  /^(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|6(?:011|5\d\d)\d{12}|35\d{14}|62\d{14,17})$/;

function isCardNumber(text: string): boolean {
  const digits = text.replaceAll(/[ -]/g, '');
  if (!issuerPattern.test(digits)) return false;
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index]);
    sum += index % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2;
  }
  return sum % 10 === 0;
}
