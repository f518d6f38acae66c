import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type Board, createBoard } from './board.ts';
import { createBreakerChanges } from './breaker-changes.ts';
import { createCheckHistory } from './check-history.ts';
import { type Exchange, Refusal } from './exchange.ts';
import { createHttpSamples } from './http-samples.ts';
import type { ConsoleSettings } from './options.ts';
import { createOutboxAge } from './outbox-age.ts';
import { createPanels } from './panels.ts';
import type { Session } from './sessions.ts';
import { createStreams } from './streams.ts';

export interface Watch {
  readonly streams: number;
  open(exchange: Exchange, session: Session): void;
  renew(panel: string): void;
  endSession(id: string): void;
  close(): void;
}

/** After so long without readers the last picture is forgotten. */
const keptMs = 30_000;

/** Looks at the service while somebody watches. Otherwise only the traffic ring and three listeners are at work. */
export function createWatch(settings: ConsoleSettings): Watch {
  const { ports, now, refreshMs, sampleMs } = settings;
  const history = createCheckHistory(now);
  const changes = createBreakerChanges(now);
  const outboxAge = createOutboxAge();
  const samples =
    ports.http &&
    createHttpSamples(ports.http, { sampleMs, now, onSample: () => streams.size > 0 && board.renew('http') });
  const panels = createPanels(settings, { history, changes, samples, outboxAge });
  const board: Board = createBoard(panels, settings, () => streams.flush());
  const streams = createStreams(settings, () => board, rest);
  let timer: NodeJS.Timeout | undefined;
  let restingSince = -Infinity;
  let isClosed = false;

  function work() {
    if (timer !== undefined) return;
    if (ports.outbox) outboxAge.listen();
    if (now() - restingSince > keptMs) board.clear();
    timer = setInterval(tick, refreshMs).unref();
    board.refresh();
  }
  function rest() {
    if (timer === undefined) return;
    clearInterval(timer);
    timer = undefined;
    restingSince = now();
    outboxAge.ignore();
  }
  function tick() {
    if (isEnding()) return streams.endAll('shutdown');
    streams.sweep();
    board.refresh();
  }
  function isEnding() {
    try {
      return ports.health.isShuttingDown;
    } catch {
      // The panel of health says what is wrong with it.
      return false;
    }
  }
  // A server that stops waits for every response: ours would never end by themselves.
  const onReadiness = () => {
    if (isEnding()) streams.endAll('shutdown');
  };
  subscribe('kit:health:readiness-changed', onReadiness);

  return {
    get streams() {
      return streams.size;
    },
    open(exchange, session) {
      if (isClosed || isEnding()) {
        throw new Refusal(503, 'The service is shutting down.', { 'retry-after': '5' });
      }
      streams.open(exchange, session);
      work();
    },
    renew: (panel) => board.renew(panel),
    endSession: (id) => streams.endSession(id),
    close() {
      isClosed = true;
      streams.endAll('shutdown');
      rest();
      samples?.close();
      history.close();
      changes.close();
      unsubscribe('kit:health:readiness-changed', onReadiness);
    },
  };
}
