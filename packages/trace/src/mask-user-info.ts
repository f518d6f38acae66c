const wordEnd = /[\s"'<>]|$/g;
const hostPart = /[/?#@]/;
const port = /^\d{1,5}[/?#]/;

/**
 * @internal Masks the password in `scheme://user:password@host`. A password may hold an at sign or a slash, as people write
 * them, so it goes up to the last at sign before the query. By index instead of one regular expression: it must stay linear
 * for a text of any length.
 */
export function maskUserInfo(text: string, censor: string): string {
  let result = '';
  let copied = 0;
  let end = -1;
  let lastAt = -1;
  for (let scheme = text.indexOf('://'); scheme !== -1; scheme = text.indexOf('://', scheme)) {
    const start = scheme + 3;
    scheme = start;
    if (start > end) {
      end = endOfWord(text, start);
      lastAt = text.lastIndexOf('@', end - 1);
    }
    if (lastAt < start) {
      scheme = end;
      continue;
    }
    const colon = text.slice(start, start + 256).indexOf(':') + start;
    if (colon < start || colon > lastAt || hostPart.test(text.slice(start, colon))) continue;
    if (port.test(text.slice(colon + 1, colon + 7))) continue;
    const passwordEnd = endOfPassword(text, colon + 1, lastAt);
    result += text.slice(copied, colon + 1) + censor;
    copied = passwordEnd;
    scheme = passwordEnd;
  }
  return copied === 0 ? text : result + text.slice(copied);
}

function endOfWord(text: string, start: number): number {
  wordEnd.lastIndex = start;
  return wordEnd.exec(text)!.index;
}

function endOfPassword(text: string, start: number, lastAt: number): number {
  const rest = text.slice(start, lastAt + 1);
  const query = rest.search(/[?#]/);
  const at = query === -1 ? -1 : rest.lastIndexOf('@', query);
  return at === -1 ? lastAt : start + at;
}
