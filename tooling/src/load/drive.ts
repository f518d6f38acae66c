import { setTimeout as delay } from 'node:timers/promises';
import autocannon from 'autocannon';

export interface Traffic {
  url: string;
  method: 'GET' | 'POST';
  /** Requests a second, evenly spread over it. */
  rate: number;
  /** Keep-alive connections, which share the rate. */
  connections: number;
  /** Seconds. */
  duration: number;
  path: () => string;
  body?: () => unknown;
  headers?: () => Record<string, string>;
}

export interface Outcome {
  /** Milliseconds, in rising order. */
  latencies: number[];
  /** Answers of 400 and above, and requests that got none. */
  failed: number;
}

/**
 * Sends the requests of a scenario. autocannon fires each connection's share of a second at once when the second begins;
 * a client a connection, begun a little after the one before, makes of that a stream as real callers are.
 */
export async function drive(traffic: Traffic): Promise<Outcome> {
  const { rate } = traffic;
  const connections = Math.min(traffic.connections, rate);
  const outcome: Outcome = { latencies: [], failed: 0 };
  await Promise.all(
    Array.from({ length: connections }, async (_, index) => {
      await delay((index * 1_000) / connections);
      await driveOne(traffic, Math.floor((rate + index) / connections), outcome);
    }),
  );
  outcome.latencies.sort((a, b) => a - b);
  return outcome;
}

export function quantile({ latencies }: Outcome, q: number): number {
  return latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))] ?? Number.NaN;
}

async function driveOne(traffic: Traffic, rate: number, outcome: Outcome): Promise<void> {
  const { url, method, duration, path, body, headers } = traffic;
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const options: autocannon.Options = {
      url,
      connections: 1,
      duration,
      connectionRate: rate,
      requests: [
        {
          method,
          setupRequest: (request) => ({
            ...request,
            path: path(),
            headers: { 'content-type': 'application/json', ...headers?.() },
            ...(body ? { body: JSON.stringify(body()) } : {}),
          }),
        },
      ],
    };
    const client = autocannon(options, (error: unknown, done) => (error ? reject(error) : resolve(done)));
    client.on('response', (_client, status, _bytes, ms) => {
      outcome.latencies.push(ms);
      if (status >= 400) outcome.failed += 1;
    });
  });
  outcome.failed += result.errors;
}
