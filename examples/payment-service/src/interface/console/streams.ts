import type { ServerResponse } from 'node:http';
import type { Board } from './board.ts';
import { type Exchange, Refusal, setSecurityHeaders } from './exchange.ts';
import type { ConsoleSettings } from './options.ts';
import type { Session } from './sessions.ts';

/** Why a stream ended, as the page is told. */
export type Farewell = 'session' | 'shutdown';

export interface Streams {
  readonly size: number;
  open(exchange: Exchange, session: Session): void;
  /** Sends each reader what is news to it. */
  flush(): void;
  /** Ends those whose session is over, and drops those who do not read. */
  sweep(): void;
  endSession(id: string): void;
  endAll(farewell: Farewell): void;
}

interface Stream {
  res: ServerResponse;
  session: Session;
  /** The reader knows everything up to here. */
  seq: number;
  /** When something was last written. */
  wroteAt: number;
  /** Since when what was written waits to be read. */
  stalledSince: number | undefined;
}

/**
 * The open pages. A reader that is behind is sent nothing more until it has caught up, and then only the latest of each
 * panel: whatever happens, no more than one picture waits in memory for it. One that never catches up is dropped.
 */
export function createStreams(settings: ConsoleSettings, board: () => Board, onEmpty: () => void): Streams {
  const { maxStreams, heartbeatMs, stalledMs, now } = settings;
  const streams = new Set<Stream>();

  const write = (stream: Stream, text: string) => {
    stream.wroteAt = now();
    if (!stream.res.write(text)) stream.stalledSince ??= now();
  };
  const flushOne = (stream: Stream) => {
    if (stream.stalledSince !== undefined) return;
    const { epoch } = board();
    const news = board().since(stream.seq);
    if (news.length === 0) return;
    stream.seq = news.at(-1)!.seq;
    write(stream, news.map(({ name, seq, json }) => frame(name, json, `${epoch}-${seq}`)).join(''));
  };
  const end = (stream: Stream, farewell: Farewell) => {
    if (!streams.delete(stream)) return;
    stream.res.end(frame('bye', JSON.stringify({ reason: farewell })));
    // It may never read that, and a server that stops waits for it.
    setTimeout(() => stream.res.destroy(), 1_000).unref();
  };

  return {
    get size() {
      return streams.size;
    },
    open({ req, res }, session) {
      if (streams.size >= maxStreams) {
        throw new Refusal(503, `${maxStreams} pages are open already.`, { 'retry-after': '10' });
      }
      const stream: Stream = {
        res,
        session,
        seq: seqOf(req.headers['last-event-id'], board()),
        wroteAt: now(),
        stalledSince: undefined,
      };
      setSecurityHeaders(res);
      // A proxy that collects would make news old.
      res.setHeader('x-accel-buffering', 'no');
      res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
      streams.add(stream);
      res.on('drain', () => {
        stream.stalledSince = undefined;
        flushOne(stream);
      });
      res.on('error', () => {});
      res.on('close', () => {
        streams.delete(stream);
        if (streams.size === 0) onEmpty();
      });
      write(stream, frame('hello', JSON.stringify({ now: now(), heartbeatMs, panels: board().panels })));
      flushOne(stream);
    },
    flush() {
      for (const stream of streams) flushOne(stream);
    },
    sweep() {
      const time = now();
      for (const stream of streams) {
        if (stream.session.expiresAt <= time) end(stream, 'session');
        else if (stream.stalledSince !== undefined) {
          if (time - stream.stalledSince >= stalledMs) stream.res.destroy();
        } else if (time - stream.wroteAt >= heartbeatMs)
          write(stream, frame('beat', JSON.stringify({ now: time })));
      }
    },
    endSession(id) {
      for (const stream of streams) if (stream.session.id === id) end(stream, 'session');
    },
    endAll(farewell) {
      for (const stream of streams) end(stream, farewell);
    },
  };
}

/** What a reader that comes back has seen already; all is news to one that saw another process. */
function seqOf(lastEventId: string | string[] | undefined, { epoch, seq }: Board): number {
  const [, theirEpoch, theirSeq] = /^([0-9a-f]{12})-(\d{1,15})$/.exec(String(lastEventId)) ?? [];
  return theirEpoch === epoch && Number(theirSeq) <= seq ? Number(theirSeq) : 0;
}

/** JSON has no raw line breaks, so one `data:` line holds it. */
const frame = (event: string, json: string, id?: string) =>
  `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${json}\n\n`;
