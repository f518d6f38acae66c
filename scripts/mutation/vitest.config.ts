import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { cores } from './cores.ts';

const name = process.env.KIT_MUTATION_PACKAGE ?? '';
const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

class HostLast extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isHost = (file: TestSpecification) => Number(file.moduleId.endsWith('/host.test.ts'));
    return files.toSorted((one, other) => isHost(one) - isHost(other));
  }
}

/** One package as one project, in one worker thread: the root's configuration would take every package's tests along. */
export default defineConfig({
  ssr: { resolve: { conditions: ['@kit/source'], externalConditions: [] } },
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    root: here('../..'),
    include: [`packages/${name}/test/**/*.test.ts`, 'scripts/mutation/host.test.ts'],
    exclude: (cores[name]?.skippedTests ?? []).map((file) => `packages/${name}/test/${file}`),
    runner: here('./collecting-runner.ts'),
    sequence: { sequencer: HostLast },
    pool: 'threads',
    maxWorkers: 1,
    isolate: false,
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
