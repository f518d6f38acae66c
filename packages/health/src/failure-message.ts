/**
 * What an error may say in a report: its code, since drivers put hosts, users and queries into messages.
 * Only an error without any code keeps its own first line, with addresses masked. @internal
 */
export function failureMessage(error: unknown): string {
  return codeOf(error) ?? withoutAddresses(textOf(error));
}

/** A text as a report may carry it: one line, bounded, no credentials and no connection strings. @internal */
export function withoutAddresses(text: string): string {
  const line = text.slice(0, 2_000).split('\n', 1)[0] ?? '';
  return line
    .replace(/\b([a-z][a-z0-9+.-]*):\/\/[^\s"'<>]+/gi, '$1://***')
    .replace(/\b(password|passwd|pwd|secret|token|api[-_]?key|host|server)\s*[=:]\s*[^\s;,&]+/gi, '$1=***')
    .replace(/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g, '***')
    .replace(/\b[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)*:\d{2,5}\b/gi, '***')
    .slice(0, 300);
}

function codeOf(error: unknown): string | undefined {
  // fetch and drivers wrap: the code is on a cause. A bound, since a cause may be its own cause.
  let current = error;
  for (let depth = 0; depth < 5 && typeof current === 'object' && current !== null; depth += 1) {
    const { code } = current as { code?: unknown };
    if (typeof code === 'string' && /^\w{3,60}$/.test(code)) return code;
    current = (current as { cause?: unknown }).cause;
  }
  const text = textOf(error);
  // Redis puts its code first in the text ("NOAUTH Authentication required."), Node's system errors inside it.
  if (/^[A-Z]{3,}$/.test(text.split(' ', 1)[0] ?? '') && nameOf(error) === 'ReplyError')
    return text.split(' ', 1)[0];
  return /\b(E[A-Z]{4,20}|ER_[A-Z_]{3,60})\b/.exec(text)?.[1];
}

const nameOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null ? (error as { name?: unknown }).name : undefined;

function textOf(error: unknown): string {
  if (typeof error === 'string') return error || 'failed';
  const message = typeof error === 'object' && error !== null ? (error as { message?: unknown }).message : '';
  return typeof message === 'string' && message !== '' ? message : 'failed';
}
