import type { Reporter, TestModule } from 'vitest/node';

/** Prints the plain last line that scripts and logs can rely on: `N passed, M failed`, before it what needed a second try. */
export default class PlainReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const flaky: string[] = [];
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        counts[test.result().state] += 1;
        if (test.diagnostic()?.flaky)
          flaky.push(
            `passed at the second try: ${module.project.name} ${module.relativeModuleId} > ${test.fullName}`,
          );
      }
      // A file that breaks before its tests are collected has no failing test to count.
      if (module.errors().length > 0) counts.failed += 1;
    }
    counts.failed += unhandledErrors.length;
    const skipped = counts.skipped + counts.pending;
    const last = `${counts.passed} passed, ${counts.failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
    // After vitest's own summary, which is written when all reporters have been told.
    process.once('exit', () => process.stdout.write(`${[...flaky, last].join('\n')}\n`));
  }
}
