import { pino, type Logger } from 'pino';
import { traceMixin } from '../src/index.js';

export type LogLine = Record<string, any>;

/** A pino logger that keeps its lines, as a service with a logger of its own would have it. */
export function recordLines(level = 'trace'): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const logger = pino(
    { level, mixin: traceMixin() },
    { write: (line: string) => void lines.push(JSON.parse(line) as LogLine) },
  );
  return { logger, lines };
}

export async function until(condition: () => boolean, timeoutMs = 60_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error('the condition never came true');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
