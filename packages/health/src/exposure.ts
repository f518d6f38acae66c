import type { IncomingMessage } from 'node:http';
import { BlockList } from 'node:net';
import type { HealthStatus } from './check.js';
import type { HealthReport } from './report.js';

/** The body of an endpoint: with details as checked, without them only names and statuses. */
export interface HealthBody {
  readonly status: HealthStatus;
  readonly timestamp: string;
  readonly duration: string;
  readonly checks: readonly CheckBody[];
}

/** A check as a caller sees it. */
export interface CheckBody {
  readonly name: string;
  readonly status: HealthStatus;
  readonly message?: string | undefined;
  readonly duration?: string | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** Whether this caller may see details; whatever is not a clear yes is a no. @internal */
export function showsDetails(
  req: IncomingMessage,
  details: boolean | ((req: IncomingMessage) => boolean) | undefined,
): boolean {
  if (typeof details === 'boolean') return details;
  if (details === undefined) return isInternalCaller(req);
  try {
    // A promise is truthy: an async rule would show everything to everybody.
    const answer: unknown = details(req);
    // Nor may one that rejects end the process.
    if (answer instanceof Promise) answer.catch(() => {});
    return answer === true;
  } catch {
    return false;
  }
}

/** @internal */
export function bodyOf(report: HealthReport, withDetails: boolean): HealthBody {
  const { status, timestamp, duration } = report;
  const checks = report.checks.map(({ name, status, message, duration, metadata }) =>
    // JSON leaves out what is undefined.
    withDetails ? { name, status, message, duration, metadata } : { name, status },
  );
  return { status, timestamp, duration, checks };
}

/** A proxy inside the network forwards strangers: its address alone proves nothing. */
const forwardingHeaders = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-server',
  'x-real-ip',
  'x-client-ip',
  'x-original-forwarded-for',
  'x-original-host',
  'x-envoy-external-address',
  'true-client-ip',
  'cf-connecting-ip',
  'fastly-client-ip',
  'fly-client-ip',
  'x-vercel-forwarded-for',
  'x-nf-client-connection-ip',
  'x-cluster-client-ip',
  'x-appengine-user-ip',
  'x-azure-clientip',
];

function isInternalCaller(req: IncomingMessage): boolean {
  const address = req.socket?.remoteAddress;
  if (address === undefined || forwardingHeaders.some((name) => req.headers[name] !== undefined))
    return false;
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  return internal.check(plain, plain.includes(':') ? 'ipv6' : 'ipv4');
}

/** Loopback and the private ranges of RFC 1918 §3 and RFC 4193 §3. */
const internal = new BlockList();
internal.addSubnet('127.0.0.0', 8);
internal.addSubnet('10.0.0.0', 8);
internal.addSubnet('172.16.0.0', 12);
internal.addSubnet('192.168.0.0', 16);
internal.addAddress('::1', 'ipv6');
internal.addSubnet('fc00::', 7, 'ipv6');
