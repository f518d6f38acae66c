import { type RunnerTestFile, TestRunner } from 'vitest';
import { collected } from './host.ts';

/** Vitest's own runner, which collects every file and runs none but the host: that one runs the others. */
export default class CollectingRunner extends TestRunner {
  async onCollected(files: RunnerTestFile[]): Promise<void> {
    for (const file of files) {
      if (file.filepath.endsWith('/host.test.ts')) continue;
      collected.push(file);
      file.mode = 'skip';
    }
    collected.runner = this;
  }
}
