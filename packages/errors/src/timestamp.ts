/** The time now, ISO 8601 in UTC. Errors come in bursts, so all but the milliseconds is kept for the second it is true. */
export function isoNow(): string {
  const nowMs = Date.now();
  const second = Math.floor(nowMs / 1_000);
  if (second !== lastSecond) {
    upToSecond = new Date(nowMs).toISOString().slice(0, -4);
    lastSecond = second;
  }
  return `${upToSecond}${String(nowMs - second * 1_000).padStart(3, '0')}Z`;
}

let lastSecond = Number.NaN;
let upToSecond = '';
