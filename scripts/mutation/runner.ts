import { readFile, writeFile } from 'node:fs/promises';
import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin';
import {
  type DryRunResult,
  DryRunStatus,
  type MutantRunOptions,
  type MutantRunResult,
  MutantRunStatus,
  type TestRunner,
  TestStatus,
} from '@stryker-mutator/api/test-runner';
import type { TestOutcome, TimedTest } from './protocol.ts';
import { WarmWorker } from './warm-worker.ts';

/** A test hangs when it takes ten times as long as without a mutant, but at least and at most so much longer. */
const shortestLimitMs = 2_000;
const longestDelayMs = 15_000;
/** What one mutant may cost: the dearest tests are left out when there are more. That can only lower the score. */
const budgetMs = 20_000;
/** How many of the tests that killed last go first: the mutants of a function follow each other, and die by the same. */
const killersKept = 8;
/** In the sandbox, where later runners find it. */
const durationsFile = 'mutation-durations.json';

/**
 * Stryker's own vitest runner starts a worker and loads all modules again for every mutant, and every database with
 * them. This one keeps one worker, with its modules and servers, and runs single tests in it. A mutant
 * may leave something behind that makes later tests fail: the test that failed has to pass without the mutant, else a new
 * worker judges the mutant.
 */
class WarmRunner implements TestRunner {
  static readonly inject = [] as const;

  readonly #worker = new WarmWorker();
  #isFresh = true;
  #durations: Record<string, number> | undefined;
  /** The tests that killed last, the latest first. */
  #killers: string[] = [];

  /** What runs once at load is not mutated, so that nothing has to be loaded again. Stryker would without this. */
  capabilities() {
    return { reloadEnvironment: true };
  }

  /** Loads everything before Stryker's clock for the first mutant runs. */
  init(): Promise<void> {
    return this.#worker.start();
  }

  async dryRun(): Promise<DryRunResult> {
    const all = await this.#worker.ask({ do: 'run' });
    if (!all) return { status: DryRunStatus.Error, errorMessage: 'the tests do not end' };
    this.#isFresh = false;
    const outcomes: TestOutcome[] = [];
    for (const outcome of all.outcomes) outcomes.push(await this.#secondChance(outcome));
    const durations = Object.fromEntries(outcomes.map(({ id, durationMs }) => [id, durationMs]));
    await writeFile(durationsFile, JSON.stringify(durations));
    return {
      status: DryRunStatus.Complete,
      tests: outcomes.map(({ id, name, fileName, durationMs, failure }) => ({
        id,
        name,
        fileName,
        timeSpentMs: durationMs,
        ...(failure === undefined
          ? { status: TestStatus.Success as const }
          : { status: TestStatus.Failed as const, failureMessage: failure }),
      })),
      mutantCoverage: (all.coverage ?? { static: {}, perTest: {} }) as never,
    };
  }

  async mutantRun(options: MutantRunOptions): Promise<MutantRunResult> {
    const { testFilter = [], activeMutant, hitLimit = Infinity } = options;
    const tests = await this.#likeliestFirst(testFilter);
    const wasFresh = this.#isFresh;
    this.#isFresh = false;
    const run = await this.#worker.ask({ do: 'run', tests, mutant: activeMutant.id, hitLimit });
    const last = run?.outcomes.at(-1);
    if (!run || !last) {
      await this.#restart();
      return { status: MutantRunStatus.Timeout, reason: 'a loop without end' };
    }
    const hangs = last.hangs || run.hitCount > hitLimit;
    const nrOfTests = run.outcomes.length;
    if (!hangs && last.failure === undefined) return { status: MutantRunStatus.Survived, nrOfTests };
    const again = await this.#worker.ask({ do: 'run', tests: tests.filter(({ id }) => id === last.id) });
    if (again?.outcomes[0]?.failure !== undefined || !again) {
      await this.#restart();
      if (!wasFresh) return this.mutantRun(options);
    }
    this.#killers = [last.id, ...this.#killers.filter((id) => id !== last.id)].slice(0, killersKept);
    const failureMessage = last.failure ?? `ran more than ${hitLimit} times`;
    return hangs
      ? { status: MutantRunStatus.Timeout, reason: failureMessage }
      : { status: MutantRunStatus.Killed, killedBy: [last.id], failureMessage, nrOfTests };
  }

  dispose(): Promise<void> {
    return this.#worker.close();
  }

  /** On a busy machine one test of hundreds may miss its time; the whole run is not lost for it. */
  async #secondChance(outcome: TestOutcome): Promise<TestOutcome> {
    if (outcome.failure === undefined) return outcome;
    const again = await this.#worker.ask({ do: 'run', tests: [{ id: outcome.id, limitMs: 60_000 }] });
    return again?.outcomes[0] ?? outcome;
  }

  /** Those that killed last, then the cheapest. */
  async #likeliestFirst(ids: readonly string[]): Promise<TimedTest[]> {
    this.#durations ??= JSON.parse(await readFile(durationsFile, 'utf8')) as Record<string, number>;
    const durationOf = (id: string) => this.#durations?.[id] ?? 0;
    const rankOf = (id: string) => (this.#killers.includes(id) ? this.#killers.indexOf(id) : killersKept);
    let spentMs = 0;
    return ids
      .toSorted((one, other) => rankOf(one) - rankOf(other) || durationOf(one) - durationOf(other))
      .map((id) => ({ id, limitMs: limitOf(durationOf(id)) }))
      .filter(({ id }, index) => (spentMs += durationOf(id)) <= budgetMs || index === 0);
  }

  async #restart(): Promise<void> {
    await this.#worker.stop();
    await this.#worker.start();
    this.#isFresh = true;
  }
}

function limitOf(durationMs: number): number {
  return Math.max(shortestLimitMs, Math.min(10 * durationMs, durationMs + longestDelayMs));
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'warm-vitest', WarmRunner)];
