import type { ImportProgress } from './import-users.ts';

const width = 24;

/** A bar on a terminal, a line now and then elsewhere. */
export function createProgressBar(totalBytes: number, out = process.stderr) {
  let shownAt = Number.NEGATIVE_INFINITY;
  return {
    update: ({ line, imported, rejected, bytesRead }: ImportProgress): void => {
      const now = performance.now();
      if (now - shownAt < (out.isTTY ? 100 : 5_000)) return;
      shownAt = now;
      const done = Math.min(1, bytesRead / totalBytes);
      const bar = '█'.repeat(Math.round(done * width)).padEnd(width, '░');
      const text = `${bar} ${Math.round(done * 100)} %  line ${line}: ${imported} imported, ${rejected} rejected`;
      out.write(out.isTTY ? `\r\u001B[2K${text}` : `${text}\n`);
    },
    end: (): void => {
      if (out.isTTY) out.write('\r\u001B[2K');
    },
  };
}
