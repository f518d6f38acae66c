/** What a service says of its own process on /metrics: the same wherever and by whomever it was started. */
export const cpuSecondsOf = (url: string): Promise<number> => read(url, 'process_cpu_seconds_total');

export const residentBytesOf = (url: string): Promise<number> => read(url, 'process_resident_memory_bytes');

async function read(url: string, metric: string): Promise<number> {
  const page = await (await fetch(`${url}/metrics`)).text();
  const match = new RegExp(`^${metric}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(page);
  if (!match) throw new Error(`${url}/metrics has no ${metric}`);
  return Number(match[1]);
}
