import { describe, expect, it } from 'vitest';
import { createProgressBar } from '../src/import/progress-bar.ts';

function screen(isTTY: boolean) {
  const written: string[] = [];
  const out = { isTTY, write: (text: string) => written.push(text) } as unknown as typeof process.stderr;
  return { written, bar: createProgressBar(1_000, out) };
}
const at = (bytesRead: number) => ({
  line: bytesRead / 10,
  bytesRead,
  imported: bytesRead / 10 - 1,
  rejected: 1,
});

describe('the progress bar', () => {
  it('shows on a terminal how far it is, in place', () => {
    const { written, bar } = screen(true);
    bar.update(at(500));
    expect(written).toEqual(['\r\u001B[2K████████████░░░░░░░░░░░░ 50 %  line 50: 49 imported, 1 rejected']);
  });

  it('leaves the line empty at the end', () => {
    const { written, bar } = screen(true);
    bar.update(at(1_000));
    bar.end();
    expect(written.at(-1)).toBe('\r\u001B[2K');
  });

  it('is plain lines without control characters where there is no terminal', () => {
    const { written, bar } = screen(false);
    bar.update(at(250));
    bar.end();
    expect(written).toEqual(['██████░░░░░░░░░░░░░░░░░░ 25 %  line 25: 24 imported, 1 rejected\n']);
  });

  it('does not write at every chunk, and never more than 100 %', () => {
    const { written, bar } = screen(true);
    for (let read = 100; read <= 1_000; read += 1) bar.update(at(read));
    expect(written.length).toBeLessThan(10);
    const late = screen(false);
    late.bar.update(at(5_000));
    expect(late.written[0]).toContain(' 100 % ');
  });
});
