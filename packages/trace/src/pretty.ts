import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

const labels: Record<number, readonly [label: string, style: Style]> = {
  10: ['TRACE', 'gray'],
  20: ['DEBUG', 'blue'],
  30: ['INFO ', 'green'],
  40: ['WARN ', 'yellow'],
  50: ['ERROR', 'red'],
  60: ['FATAL', 'magenta'],
};

/** @internal A JSON log line for human eyes: time, level, short trace id, name, message, the other fields, the stack. */
export function prettyLine(line: string): string {
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const { level, time, msg, name, id, traceId, spanId, pid, hostname, err, ...fields } = parsed;
  void [traceId, spanId, pid, hostname];
  const [label, style] = labels[Number(level)] ?? [String(level), 'white'];
  const head = [
    styleText('gray', clock(time)),
    styleText(style, label),
    typeof id === 'string' ? styleText('cyan', id) : '',
    typeof name === 'string' ? `${harmless(name)}:` : '',
    typeof msg === 'string' ? harmless(msg) : '',
  ];
  const tail = Object.entries(fields).map(([key, value]) =>
    styleText('gray', `${key}=${JSON.stringify(value)}`),
  );
  return `${[...head, ...tail].filter((part) => part !== '').join(' ')}\n${errorLines(err)}`;
}

// Text of a stranger's must neither steer the terminal nor begin a line that looks like ours.
function harmless(text: string): string {
  return text
    .replaceAll(
      /(?![\t\n])[\p{Cc}\u2028\u2029]/gu,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
    .replaceAll('\n', '\n    ');
}

function clock(time: unknown): string {
  return typeof time === 'number' ? new Date(time).toISOString().slice(11, 23) : '--:--:--.---';
}

function errorLines(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { stack, cause } = error as { stack?: unknown; cause?: unknown };
  const own = typeof stack === 'string' ? stack : JSON.stringify(error);
  const indented = harmless(own);
  const below = errorLines(cause);
  return `    ${indented}\n${below === '' ? '' : `    caused by\n${below}`}`;
}
