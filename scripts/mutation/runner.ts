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
import { createVitest, type Vitest } from 'vitest/node';
import { openChannel, type Reply, type Request } from './protocol.ts';

/**
 * Stryker's own vitest runner starts a worker and loads all modules again for every mutant, and every database with
 * them. This one keeps one worker, with its modules and servers, and runs single tests in it. A mutant may leave
 * something behind that makes later tests fail: after a kill the same test has to pass without the mutant, or a new
 * worker takes over.
 */
class WarmRunner implements TestRunner {
  static readonly inject = [] as const;

  #vitest: Vitest | undefined;
  #run: Promise<unknown> | undefined;
  #channel: ReturnType<typeof openChannel> | undefined;
  #waiting = new Map<number, (reply: Reply) => void>();
  #lastId = 0;
  #durations = new Map<string, number>();

  capabilities() {
    return { reloadEnvironment: false };
  }

  /** Loads everything before Stryker's clock for the first mutant runs. */
  init(): Promise<void> {
    return this.#start();
  }

  async dryRun(): Promise<DryRunResult> {
    const { outcomes, coverage } = await this.#ask({ do: 'run', untilFailure: false });
    for (const { id, durationMs } of outcomes) this.#durations.set(id, durationMs);
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
      mutantCoverage: (coverage ?? { static: {}, perTest: {} }) as never,
    };
  }

  async mutantRun({ testFilter, activeMutant, hitLimit }: MutantRunOptions): Promise<MutantRunResult> {
    const tests = testFilter?.toSorted((one, other) => this.#durationOf(one) - this.#durationOf(other));
    const run = { do: 'run', tests, mutant: activeMutant.id, hitLimit, untilFailure: true } as const;
    const { outcomes, hitCount } = await this.#ask(run);
    for (const { id, durationMs } of outcomes) this.#durations.set(id, durationMs);
    if (hitLimit !== undefined && hitCount > hitLimit) {
      await this.#stop();
      return { status: MutantRunStatus.Timeout, reason: `ran more than ${hitLimit} times` };
    }
    const failed = outcomes.find(({ failure }) => failure !== undefined);
    if (!failed) return { status: MutantRunStatus.Survived, nrOfTests: outcomes.length };
    const again = await this.#ask({ do: 'run', tests: [failed.id], untilFailure: true });
    if (again.outcomes.some(({ failure }) => failure !== undefined)) {
      await this.#stop();
      await this.#start();
    }
    return {
      status: MutantRunStatus.Killed,
      killedBy: [failed.id],
      failureMessage: failed.failure!,
      nrOfTests: outcomes.length,
    };
  }

  async dispose(): Promise<void> {
    await this.#stop();
    await this.#vitest?.close();
  }

  async #ask(request: DistributedOmit<Request, 'id'>): Promise<Reply> {
    await this.#start();
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#channel!.send({ ...request, id });
    });
  }

  async #start(): Promise<void> {
    if (this.#run) return;
    process.env.NODE_ENV = 'test';
    this.#vitest ??= await createVitest('test', {
      config: 'scripts/mutation/vitest.config.ts',
      watch: false,
      reporters: [{}],
      onConsoleLog: () => false,
    });
    const isUp = new Promise<void>((resolve) => this.#waiting.set(0, () => resolve()));
    this.#channel = openChannel((reply) => {
      if ('do' in reply) return;
      const settle = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      settle?.(reply);
    });
    this.#vitest.state.filesMap.clear();
    this.#run = this.#vitest.start();
    await Promise.race([
      isUp,
      this.#run.then(() => {
        const errors = this.#vitest!.state.getFiles().flatMap((file) => file.result?.errors ?? []);
        throw new Error(`the tests could not be loaded: ${errors.map((error) => error.message).join('\n')}`);
      }),
    ]);
  }

  async #stop(): Promise<void> {
    if (!this.#run) return;
    await this.#ask({ do: 'close' });
    await this.#run;
    this.#channel?.close();
    this.#run = undefined;
  }

  #durationOf(id: string): number {
    return this.#durations.get(id) ?? 0;
  }
}

type DistributedOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'warm-vitest', WarmRunner)];
