import { runChild } from 'kit-tooling/process';
import { describe, expect, it } from 'vitest';

describe('createErrorMonitor', () => {
  it('holds less than a megabyte after a million distinct errors', async () => {
    const child = runChild(new URL('./children/million.ts', import.meta.url), { nodeArgs: ['--expose-gc'] });
    const text = await child.waitFor(/"heldBytes":-?\d+\}/, 170_000);
    const { total, fingerprints, heldBytes } = JSON.parse(text) as Record<string, number>;
    expect(total).toBe(1_000_000);
    expect(fingerprints).toBe(501);
    expect(heldBytes).toBeGreaterThan(100_000);
    expect(heldBytes).toBeLessThan(1_000_000);
  });
});
