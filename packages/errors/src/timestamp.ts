/** The time now, ISO 8601 in UTC. Errors come in bursts, so the text is kept for the millisecond it is true. */
export function isoNow(): string {
  const nowMs = Date.now();
  if (nowMs !== lastMs) {
    lastText = new Date(nowMs).toISOString();
    lastMs = nowMs;
  }
  return lastText;
}

let lastMs = Number.NaN;
let lastText = '';
