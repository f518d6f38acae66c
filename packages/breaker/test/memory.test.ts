import { runChild } from 'kit-tooling/process';
import { describe, expect, it } from 'vitest';

describe('memory', () => {
  it('of a breaker with a full 60 s window is at most 4 KB, and of a registry is bounded', async () => {
    const child = runChild(new URL('./children/weighs.ts', import.meta.url), { nodeArgs: ['--expose-gc'] });
    await child.exited;
    expect(child.stderr).toBe('');
    const { breakerBytes, registryBytes, registrySize } = JSON.parse(child.stdout) as Record<string, number>;
    expect(breakerBytes).toBeLessThanOrEqual(4_096);
    expect(registrySize).toBe(1_000);
    expect(registryBytes).toBeLessThan(6_000_000);
  });
});
