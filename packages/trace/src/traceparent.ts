/** @internal The fields of a valid W3C `traceparent`. */
export interface TraceParent {
  readonly traceId: string;
  readonly parentSpanId: string;
  readonly sampled: boolean;
}

// W3C Trace Context §3.2: lower case only, version ff forbidden, ids of zeros invalid, later versions may append fields.
const pattern = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** @internal */
export function parseTraceparent(value: unknown): TraceParent | undefined {
  if (typeof value !== 'string' || value.length < 55 || value.length > 512) return undefined;
  const match = pattern.exec(value);
  if (match === null) return undefined;
  const [, version, traceId, parentSpanId, flags, rest] = match;
  if (version === '00' && rest !== undefined) return undefined;
  return { traceId: traceId!, parentSpanId: parentSpanId!, sampled: (parseInt(flags!, 16) & 1) === 1 };
}

/** @internal */
export function formatTraceparent(traceId: string, spanId: string, sampled: boolean): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

const maxMembers = 32;
const maxLength = 512;
// §3.3.1: a key is `simple` or `tenant@system`; a value is printable ASCII without comma and equals sign, no trailing space.
const memberPattern =
  /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * @internal A `tracestate` that is safe to pass on, else undefined: one bad member or one key given twice spoils the
 * list (§3.3.1.1), as do more than 32 members or 512 characters.
 */
export function sanitizeTracestate(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length === 0 || value.length > maxLength) return undefined;
  const members = value
    .split(',')
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((member) => member !== '');
  if (members.length === 0 || members.length > maxMembers) return undefined;
  const keys = new Set<string>();
  for (const member of members) {
    if (!memberPattern.test(member)) return undefined;
    keys.add(member.slice(0, member.indexOf('=')));
  }
  return keys.size === members.length ? members.join(',') : undefined;
}
