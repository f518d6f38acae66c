import { randomBytes } from 'node:crypto';
import type { ConsoleSettings } from './options.ts';
import type { Panel } from './panels.ts';

/** The latest of every panel, as the JSON that goes out; `seq` says what is news to whom. */
export interface Board {
  /** Ids of another process mean nothing here. */
  readonly epoch: string;
  readonly panels: readonly string[];
  readonly seq: number;
  /** Panels that changed after `seq`, in the order they changed. */
  since(seq: number): { name: string; seq: number; json: string }[];
  /** Looks at what is due. */
  refresh(): void;
  /** Looks at one panel as soon as it can, e.g. after an action. */
  renew(name: string): void;
  /** Forgets what it knew: nobody wants to see an hour-old state for the blink of an eye. */
  clear(): void;
}

interface Entry {
  panel: Panel;
  dueAt: number;
  isRunning: boolean;
  seq: number;
  json: string;
  complaint: string | undefined;
}

/** A panel never has two looks in flight, whatever its port does; what throws or hangs is an error of that panel alone. */
export function createBoard(
  panels: readonly Panel[],
  settings: ConsoleSettings,
  onChange: () => void,
): Board {
  const { panelTimeoutMs, mask, onError, now } = settings;
  const entries = panels.map((panel): Entry => ({
    panel,
    dueAt: 0,
    isRunning: false,
    seq: 0,
    json: '',
    complaint: undefined,
  }));
  let seq = 0;
  let age = 0;

  const put = (entry: Entry, value: object) => {
    const json = JSON.stringify(value);
    if (json === entry.json) return;
    entry.json = json;
    entry.seq = seq += 1;
    onChange();
  };
  const fail = (entry: Entry, error: unknown) => {
    const message = textOf(error, mask);
    put(entry, { error: message });
    if (message === entry.complaint) return;
    entry.complaint = message;
    try {
      onError(error, entry.panel.name);
    } catch {
      // A logger that fails must not stop the page.
    }
  };

  const look = async (entry: Entry) => {
    entry.isRunning = true;
    entry.dueAt = now() + entry.panel.everyMs;
    const born = age;
    const late = setTimeout(() => {
      if (born === age) fail(entry, new Error(`no answer within ${panelTimeoutMs} ms`));
    }, panelTimeoutMs).unref();
    try {
      const data = await entry.panel.collect();
      clearTimeout(late);
      if (born === age) put(entry, { data });
      entry.complaint = undefined;
    } catch (error) {
      if (born === age) fail(entry, error);
    } finally {
      clearTimeout(late);
      entry.isRunning = false;
    }
  };

  return {
    epoch: randomBytes(6).toString('hex'),
    panels: panels.map(({ name }) => name),
    get seq() {
      return seq;
    },
    since: (known) =>
      entries
        .filter((entry) => entry.seq > known)
        .toSorted((a, b) => a.seq - b.seq)
        .map(({ panel, seq, json }) => ({ name: panel.name, seq, json })),
    refresh() {
      for (const entry of entries) {
        if (!entry.isRunning && entry.dueAt <= now()) void look(entry);
      }
    },
    renew(name) {
      for (const entry of entries) {
        if (entry.panel.name !== name) continue;
        entry.dueAt = 0;
        if (!entry.isRunning) void look(entry);
      }
    },
    clear() {
      age += 1;
      for (const entry of entries) Object.assign(entry, { dueAt: 0, seq: 0, json: '' });
    },
  };
}

function textOf(error: unknown, mask: <T>(value: T) => T): string {
  try {
    const { message } = Object(error) as { message?: unknown };
    return mask(typeof message === 'string' && message !== '' ? message : String(error)).slice(0, 500);
  } catch {
    return 'an error that cannot be read';
  }
}
