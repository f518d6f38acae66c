import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
const block = /```ts no-check\n\/\/ (examples\/\S+)\n([\s\S]*?)\n```/g;

describe('the guide on transactions', () => {
  const excerpts = [...read('docs/guides/transactions.md').matchAll(block)].map(([, path, text]) => ({
    path: path!,
    // `…` stands for what is left out.
    lines: text!.split('\n').filter((line) => line.trim() !== '' && !line.includes('…')),
  }));

  it('is written with code of the example', () => expect(excerpts.length).toBeGreaterThanOrEqual(6));

  it.each(excerpts)('shows $path as it is', ({ path, lines }) => {
    let rest = read(path);
    for (const line of lines) {
      expect(rest).toContain(line);
      rest = rest.slice(rest.indexOf(line) + line.length);
    }
  });
});
