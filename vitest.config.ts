import { defineConfig } from 'vitest/config';
import projects from './vitest.workspace.ts';

export default defineConfig({
  // Tests run the sources: no build is needed, and a stack trace leads to the line.
  ssr: { resolve: { conditions: ['@kit/source'], externalConditions: [] } },
  // Nest's decorators are the legacy ones.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    projects,
    pool: 'forks',
    // Only what hangs ends here: a machine that is ten times slower is no reason to fail.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    teardownTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    reporters: [['default', { summary: false }], './tooling/src/plain-reporter.ts'],
    coverage: {
      provider: 'v8',
      // Seen from the root of the repository; with `--project`, Vitest looks from the project's folder.
      include: ['packages/*/src/**/*.ts', 'src/**/*.ts'],
      reporter: ['text-summary', 'json-summary', 'html'],
      thresholds: { lines: 95, branches: 90 },
    },
  },
});
