export interface ServerEvent {
  event: string;
  id: string | undefined;
  data: any;
}

/** A reader of a console's stream that is no browser. */
export interface EventReader {
  status: number;
  headers: Headers;
  seen: ServerEvent[];
  /** The next event of that name, from where the last call stopped; rejects when the stream ends without it. */
  next(event: string, fits?: (data: any) => boolean): Promise<ServerEvent>;
  /** Resolves when the server has ended the stream. */
  ended: Promise<void>;
  close(): void;
}

export async function readEvents(url: string, cookie: string, lastEventId?: string): Promise<EventReader> {
  const abort = new AbortController();
  const response = await fetch(`${url}/admin/console/events`, {
    headers: { cookie, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) },
    signal: AbortSignal.any([abort.signal, AbortSignal.timeout(150_000)]),
    redirect: 'manual',
  });
  const seen: ServerEvent[] = [];
  const wakes = new Set<() => void>();
  let hasEnded = false;
  let position = 0;

  const read = async () => {
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body!) {
      const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
      rest = blocks.pop()!;
      for (const block of blocks) seen.push(parse(block));
      for (const wake of wakes) wake();
    }
  };
  const ended = read()
    .catch(() => {})
    .then(() => {
      hasEnded = true;
      for (const wake of wakes) wake();
    });

  return {
    status: response.status,
    headers: response.headers,
    seen,
    ended,
    async next(event, fits = () => true) {
      for (;;) {
        while (position < seen.length) {
          const candidate = seen[position]!;
          position += 1;
          if (candidate.event === event && fits(candidate.data)) return candidate;
        }
        if (hasEnded)
          throw new Error(`the stream ended without ${event}: ${JSON.stringify(seen).slice(0, 2_000)}`);
        await new Promise<void>((resolve) => {
          const wake = () => {
            wakes.delete(wake);
            resolve();
          };
          wakes.add(wake);
        });
      }
    },
    close: () => abort.abort(),
  };
}

function parse(block: string): ServerEvent {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
  return { event: field('event') ?? '', id: field('id'), data: JSON.parse(field('data') ?? 'null') };
}
