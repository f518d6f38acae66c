import { runChild } from 'kit-tooling/process';
import { defineTableBench } from 'kit-tooling/bench';

export default defineTableBench({
  package: 'breaker',
  title: 'Memory',
  run: async () => {
    const child = runChild(new URL('../test/children/weighs.ts', import.meta.url), {
      nodeArgs: ['--expose-gc'],
    });
    await child.exited;
    const { breakerBytes, registrySize } = JSON.parse(child.stdout) as Record<string, number>;
    return {
      columns: ['what', 'figure', 'target'],
      rows: [
        [
          'a breaker with a full window of 60 s and its last error',
          `${Math.round(breakerBytes!)} bytes`,
          '4096',
        ],
        ['breakers kept after 100,000 keys', registrySize!, '`maxKeys`, 1000'],
      ],
    };
  },
});
