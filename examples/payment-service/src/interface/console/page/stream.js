// Server-sent events over fetch: unlike EventSource it tells a session that is over from a service that is away.
const firstDelayMs = 400;
const maxDelayMs = 10_000;

/**
 * Reads the stream for as long as the session lasts; comes back by itself, later each time, and continues where it was.
 *
 * @param {string} url
 * @param {{ onEvent: (name: string, data: any) => void, onState: (state: 'live' | 'away' | 'ended') => void }} handlers
 */
export async function follow(url, { onEvent, onState }) {
  let lastId;
  let failures = 0;
  let heartbeatMs = 5_000;

  const take = ({ event, id, data }) => {
    if (id !== undefined) lastId = id;
    if (data === undefined) return;
    const value = JSON.parse(data);
    if (event === 'hello') {
      failures = 0;
      heartbeatMs = value.heartbeatMs;
      onState('live');
    }
    if (event === 'bye' && value.reason === 'session') throw new SessionEnded();
    onEvent(event, value);
  };

  for (;;) {
    try {
      await read(url, lastId, take, () => 2.5 * heartbeatMs + 1_000);
    } catch (error) {
      if (error instanceof SessionEnded) return onState('ended');
    }
    onState('away');
    failures += 1;
    await pause(Math.min(maxDelayMs, firstDelayMs * 2 ** (failures - 1)) * (0.5 + Math.random() / 2));
  }
}

class SessionEnded extends Error {}

async function read(url, lastId, take, patienceMs) {
  const abort = new AbortController();
  // A connection that says nothing at all is none, whatever the socket believes.
  let watchdog = setTimeout(() => abort.abort(), 15_000);
  try {
    const response = await fetch(url, {
      headers: lastId === undefined ? {} : { 'last-event-id': lastId },
      cache: 'no-store',
      signal: abort.signal,
    });
    if (response.status === 401) throw new SessionEnded();
    if (!response.ok) throw new Error(`the service answered ${response.status}`);
    let rest = '';
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => abort.abort(), patienceMs());
      const blocks = (rest + value).split('\n\n');
      rest = blocks.pop();
      for (const block of blocks) take(parse(block));
    }
  } finally {
    clearTimeout(watchdog);
    abort.abort();
  }
}

function parse(block) {
  const fields = {};
  for (const line of block.split('\n')) {
    const at = line.indexOf(': ');
    if (at > 0) fields[line.slice(0, at)] = line.slice(at + 2);
  }
  return fields;
}

/** Ends early when the network comes back. */
function pause(ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    addEventListener('online', done);
    function done() {
      clearTimeout(timer);
      removeEventListener('online', done);
      resolve();
    }
  });
}
