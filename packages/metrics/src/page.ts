import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Format } from './exposition.js';

/** A whole scrape, ready to be written piece by piece. */
export interface Page {
  readonly format: Format;
  readonly pieces: readonly Buffer[];
  readonly bytes: number;
}

/** Lines written before other work gets its turn: about a millisecond. */
const LINES_A_SLICE = 2_000;

/** Joins lines into pieces and lets the event loop run between them. */
export async function writePage(
  format: Format,
  lines: Iterable<{ text: string; lines: number }>,
): Promise<Page> {
  const pieces: Buffer[] = [];
  let text = '';
  let count = 0;
  const flush = () => {
    if (text !== '') pieces.push(Buffer.from(text));
    text = '';
    count = 0;
  };
  for (const line of lines) {
    text += line.text;
    count += line.lines;
    if (count >= LINES_A_SLICE) {
      flush();
      await nextTurn();
    }
  }
  if (format === 'openmetrics') text += '# EOF\n';
  flush();
  return { format, pieces, bytes: pieces.reduce((sum, piece) => sum + piece.length, 0) };
}
