import { maskAndCut } from './mask.js';
import { toPlain } from './plain.js';
import { messageOf, read, readArray, readNumber, readString } from './read.js';

/** An error as a log line can carry it: plain, masked, bounded. */
export interface ErrorDescription {
  readonly type: string;
  readonly message: string;
  readonly code?: string | number;
  readonly stack?: string;
  readonly details?: unknown;
  readonly cause?: ErrorDescription;
  /** Of an AggregateError. */
  readonly errors?: readonly ErrorDescription[];
}

const maxCauses = 8;
const maxParts = 5;
const maxMessage = 2_048;
const maxStack = 6_144;

/** Describes anything that was thrown for the log, with its causes; secrets are masked, other properties stay out. */
export function describeError(error: unknown): ErrorDescription {
  return describe(error, 0, new Set());
}

function describe(error: unknown, depth: number, seen: Set<unknown>): ErrorDescription {
  seen.add(error);
  const code = readString(error, 'code') ?? readNumber(error, 'code');
  const stack = readString(error, 'stack');
  const details = read(error, 'details');
  const cause = read(error, 'cause');
  const parts = depth < maxCauses ? (readArray(error, 'errors', maxParts) ?? []).filter(isErrorLike) : [];
  return {
    type: readString(error, 'name') ?? (error === null ? 'null' : typeof error),
    message: maskAndCut(messageOf(error), maxMessage),
    ...(code === undefined ? undefined : { code }),
    ...(stack === undefined ? undefined : { stack: maskAndCut(stack, maxStack) }),
    ...(details === undefined ? undefined : { details: toPlain(details, { purpose: 'log', maxNodes: 200 }) }),
    ...(cause === undefined || depth >= maxCauses || seen.has(cause)
      ? undefined
      : { cause: describe(cause, depth + 1, seen) }),
    ...(parts.length === 0
      ? undefined
      : { errors: parts.filter((part) => !seen.has(part)).map((part) => describe(part, maxCauses, seen)) }),
  };
}

function isErrorLike(value: unknown): boolean {
  return readString(value, 'message') !== undefined && readString(value, 'pointer') === undefined;
}
