import { maskCardNumbers } from './card-number.js';
import type { KeyMatcher } from './mask-keys.js';
import { isProse } from './mask-prose.js';
import { maskUserInfo } from './mask-user-info.js';

// Nothing we look for lacks all of these: the test most log messages end at.
const suspicious = /[=:]|eyJ|\b(?:bearer|basic)\s|\d[ -]?\d{3}/i;

const cookieLine = /\b((?:set-)?cookie["']?\s{0,3}:\s{0,3}["']?)([^\r\n"']+)/gi;

// The left side of key=value, key: value, "key":"value", the same with escaped quotes, a[key]=value. It starts only where
// a word does, so a text of any length is read once.
const leftSide = /(?<![\w.-])([\w.-]{1,128})\]?\\*["']?\s{0,3}[=:]\s{0,3}/g;
// Its right side: quoted, quoted within a quoted text, a list or object, a credential with its scheme, a bare word.
const rightSide =
  /"[^"\\]*(?:\\.[^"\\]*)*"?|'[^'\\]*(?:\\.[^'\\]*)*'?|\\+"[^"]*"?|\[[^\]]*\]?|\{[^}]*\}?|(?:bearer|basic|digest|token)\s+[^\s,;&"'<>]+|[^\s,;&"'<>]+/iy;

// "Bearer authentication is required" is prose: a credential has a digit, a capital or punctuation in it.
const schemeToken = /\b([Bb]earer|[Bb]asic|BEARER|BASIC)\s+(?=\S{0,4096}[\d.=_A-Z])[\w\-.~+/]{8,}=*/g;
const jwt = /\beyJ[\w-]{5,}\.eyJ[\w-]{5,}\.[\w-]*/g;

/** @internal Masks what a text gives away: passwords in DSNs, pairs of a secret key and its value, tokens, card numbers. */
export function createTextMasker(matchKey: KeyMatcher, censor: string): (text: string) => string {
  return (text) => {
    if (text.length < 4 || !suspicious.test(text)) return text;
    let masked = maskUserInfo(text, censor);
    masked = masked.replace(cookieLine, (line, start: string, value: string) =>
      isProse(start, value) ? line : start + censor,
    );
    masked = maskPairs(masked, matchKey, censor);
    masked = masked
      .replace(schemeToken, (_, scheme: string) => `${scheme} ${censor}`)
      .replace(jwt, () => censor);
    return maskCardNumbers(masked);
  };
}

function maskPairs(text: string, matchKey: KeyMatcher, censor: string): string {
  let result = '';
  let done = 0;
  leftSide.lastIndex = 0;
  for (let match = leftSide.exec(text); match !== null; match = leftSide.exec(text)) {
    const verdict = matchKey(match[1]!);
    if (verdict === 'plain') continue;
    const start = leftSide.lastIndex;
    rightSide.lastIndex = start;
    const value = rightSide.exec(text)?.[0];
    if (value === undefined) continue;
    // A sentence is read on: it may hold a pair of its own.
    if (isProse(match[0], value)) continue;
    leftSide.lastIndex = start + value.length;
    // A card number keeps its last four digits, which the last step sees to.
    if (verdict === 'card' && maskCardNumbers(value) !== value) continue;
    result += text.slice(done, start) + censorValue(value, censor);
    done = start + value.length;
  }
  return done === 0 ? text : result + text.slice(done);
}

function censorValue(value: string, censor: string): string {
  const quote = /^\\*["']/.exec(value)?.[0] ?? '';
  // A bare word may have taken the end of the object or list it stands in with it.
  const end = quote === '' && !/^[[{]/.test(value) ? closersOf(value) : '';
  return quote + censor + quote + end;
}

// From the end, by index: a regular expression would try at each of a million brackets.
function closersOf(value: string): string {
  let start = value.length;
  while (start > 0 && ')]}'.includes(value[start - 1]!)) start--;
  return value.slice(start);
}
