import { type AppError, originOf } from './app-error.js';
import { maskText } from './mask.js';
import { messageOf, read, readString } from './read.js';

const maxMessageLength = 1_024;
const maxCauses = 16;

/** The message that a caller may see: the error's own where its code is exposed and it tells nothing internal, else the title. */
export function publicMessage(error: AppError): string {
  const message = readString(error, 'message');
  if (!error.expose || !message?.trim()) return error.title;
  if (message === error.title) return message;
  return isInternalText(message) || repeatsCause(originOf(error), message) ? error.title : cut(message);
}

/** Whether a text reads like the inside of a service: SQL, a driver's words, a DSN, a file path, a stack, a secret. */
export function isInternalText(text: string): boolean {
  const seen = text.length > maxMessageLength * 4 ? text.slice(0, maxMessageLength * 4) : text;
  return internalPatterns.some((pattern) => pattern.test(seen)) || maskText(seen) !== seen;
}

/** `throw conflict(err.message, { cause: err })`: the text of a foreign error is not made public by passing it on. */
function repeatsCause(error: unknown, message: string): boolean {
  let cause = read(error, 'cause');
  for (let depth = 0; depth < maxCauses && cause !== undefined && cause !== null; depth += 1) {
    const text = messageOf(cause);
    const isOwn = read(cause, Symbol.for('@kit/errors.AppError')) === true && read(cause, 'expose') === true;
    if (!isOwn && text.length >= 4 && message.includes(text)) return true;
    cause = read(cause, 'cause');
  }
  return false;
}

function cut(text: string): string {
  return text.length > maxMessageLength ? `${text.slice(0, maxMessageLength - 1)}…` : text;
}

const internalPatterns: RegExp[] = [
  // Where things are: DSNs, addresses, paths, stacks.
  /\b(?:postgres(?:ql)?|mysql|mariadb|rediss?|mongodb(?:\+srv)?|amqps?|mssql|sqlite|jdbc:\w+|file):\/{1,3}/i,
  /\b\d{1,3}(?:\.\d{1,3}){3}\b/,
  /(?:^|[\s"'`(=:])\/(?:home|usr|var|srv|opt|app|root|tmp|etc|mnt|data|proc|run|dev|Users|work|workspace|private|Library)\//,
  /\b[A-Za-z]:\\|node_modules|node:internal|\.[cm]?[jt]sx?:\d+/,
  /^\s*at \S.*[:)]/m,
  /\b(?:ECONN[A-Z]+|ENOTFOUND|EAI_[A-Z]+|ETIMEDOUT|EPIPE|ENOENT|EACCES|EPERM|EADDRINUSE|EHOSTUNREACH|getaddrinfo)\b/,
  // SQL and what drivers say about it.
  /\bSELECT\b[^]{1,500}\bFROM\b|\bselect\s+(?:\*|distinct\b|count\(|["`[]|\w+(?:\.\w+)?\s*,)/,
  /\bselect\s+[\w."`*]+\s+from\s+\S+\s+(?:where|order|limit|join|inner|left|for)\b/i,
  /\binsert\s+into\s+\S|\bdelete\s+from\s+["`\w]|\bupdate\s+\S+\s+set\s+\S+\s*=/i,
  /\b(?:create|drop|alter|truncate)\s+(?:table|index|database|schema)\b/i,
  /duplicate key value|violates [\w -]{0,40}constraint|constraint failed|foreign key constraint|Duplicate entry|E11000/i,
  /\b(?:relation|column|table|constraint|index) ["'`][^"'`]+["'`]|Unknown column|cannot be null|null value in column/i,
  /syntax error at or near|error in your SQL syntax|deadlock (?:detected|found)|Lock wait timeout|could not serialize/i,
  /\bSQLITE_[A-Z]+|\bER_[A-Z]{2,}_|\bORA-\d{5}|password authentication failed|Access denied for user|database is locked/,
  // What a language runtime says.
  /is not valid JSON|in JSON at position|Unexpected (?:token|end of JSON|non-whitespace)/,
  /Cannot (?:read|set) propert|is not a function|is not defined|is not iterable|Converting circular/,
];
