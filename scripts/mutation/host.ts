import { relative } from 'node:path';
import { type RunnerTestCase, type RunnerTestFile, type RunnerTestSuite, TestRunner } from 'vitest';
import { openChannel, type Reply, type Request, type TestOutcome } from './protocol.ts';

type Suite = RunnerTestSuite | RunnerTestFile;

/** The files that vitest has loaded in this worker. */
export const collected = Object.assign([] as RunnerTestFile[], {
  runner: undefined as TestRunner | undefined,
});

/** What Stryker's instrumented sources read and write. */
const stryker = ((globalThis as { __stryker__?: Stryker }).__stryker__ ??= {});
interface Stryker {
  activeMutant?: string;
  currentTestId?: string;
  hitCount?: number;
  hitLimit?: number;
  mutantCoverage?: unknown;
}

/** Tests put timers of their own in place of these. */
const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;

const teardowns: (() => unknown)[] = [];
const prepared = new Map<Suite, Promise<void>>();

/** Answers requests until it is told to close. */
export function serve(): Promise<void> {
  const tests = allTests();
  return new Promise((resolve) => {
    const channel = openChannel(async (request) => {
      if (!('do' in request)) return;
      if (request.do === 'run') channel.send(await run(request, tests));
      if (request.do === 'close') {
        // A mutant may have broken what is torn down here.
        await Promise.all(teardowns.toReversed().map((teardown) => within(1_000, teardown).catch(() => {})));
        channel.send({ id: request.id, outcomes: [], hitCount: 0 });
        clearInterval(heart);
        channel.close();
        resolve();
      }
    });
    const heart = setInterval(() => channel.send({ isAlive: true }), 1_000);
    channel.send({ id: 0, outcomes: [], hitCount: 0 });
  });
}

async function run(request: Request & { do: 'run' }, tests: Map<string, RunnerTestCase>): Promise<Reply> {
  const outcomes: TestOutcome[] = [];
  let hitCount = 0;
  for (const { id, limitMs } of request.tests ??
    Array.from(tests.keys(), (id) => ({ id, limitMs: 60_000 }))) {
    const test = tests.get(id);
    if (!test) continue;
    stryker.hitCount = request.mutant === undefined ? undefined : hitCount;
    stryker.hitLimit = request.hitLimit;
    const outcome = await judge(id, test, limitMs, request.mutant);
    hitCount = stryker.hitCount ?? 0;
    outcomes.push(outcome);
    if (outcome.failure !== undefined && request.tests) break;
  }
  return {
    id: request.id,
    outcomes,
    hitCount,
    ...(request.mutant === undefined && { coverage: stryker.mutantCoverage }),
  };
}

async function judge(
  id: string,
  test: RunnerTestCase,
  limitMs: number,
  mutant: string | undefined,
): Promise<TestOutcome> {
  const outcome: TestOutcome = {
    id,
    name: id.slice(id.indexOf('#') + 1),
    fileName: test.file.filepath,
    durationMs: 0,
  };
  let startedAt = performance.now();
  try {
    const suites = suitesOf(test);
    for (const suite of suites) await prepare(suite);
    stryker.currentTestId = id;
    stryker.activeMutant = mutant;
    startedAt = performance.now();
    const isInTime = await within(limitMs, () => perform(test, suites));
    if (!isInTime) Object.assign(outcome, { hangs: true, failure: `took more than ${limitMs} ms` });
  } catch (error) {
    outcome.failure = String(error).slice(0, 500);
  }
  stryker.currentTestId = undefined;
  stryker.activeMutant = undefined;
  outcome.durationMs = performance.now() - startedAt;
  return outcome;
}

/** Runs a test and its hooks as vitest does, to the end, and throws what was thrown first. */
async function perform(test: RunnerTestCase, suites: Suite[]): Promise<void> {
  const failures: unknown[] = [];
  const cleanups: unknown[] = [];
  const guard = async (step: () => unknown) => {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  };
  test.result = { state: 'run', startTime: Date.now(), retryCount: 0 };
  await guard(async () => {
    collected.runner!.onBeforeTryTask(test, { retry: 0, repeats: 0 });
    for (const suite of suites) {
      for (const hook of TestRunner.getSuiteHooks(suite).beforeEach)
        cleanups.push(await hook(test.context, suite));
    }
    await TestRunner.getTestFn(test)();
    collected.runner!.onAfterTryTask(test);
  });
  for (const suite of suites.toReversed()) {
    for (const hook of TestRunner.getSuiteHooks(suite).afterEach.toReversed())
      await guard(() => hook(test.context, suite));
  }
  for (const cleanup of cleanups.toReversed()) {
    if (typeof cleanup === 'function') await guard(() => cleanup() as unknown);
  }
  const own = test as { onFinished?: ((context: unknown) => unknown)[] | undefined };
  for (const hook of (own.onFinished ?? []).toReversed()) await guard(() => hook(test.context));
  own.onFinished = undefined;
  if (failures.length > 0) throw failures[0];
}

/** Whether the work was done in time: under a mutant it may wait for ever. */
async function within(limitMs: number, work: () => unknown): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const isLate = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  const isDone = (async () => {
    await work();
    return true;
  })();
  try {
    return await Promise.race([isDone, isLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** `beforeAll` once for all mutants: the servers it starts stay up until the worker ends. */
function prepare(suite: Suite): Promise<void> {
  let done = prepared.get(suite);
  if (!done) {
    done = (async () => {
      // Vitest was made to believe that the file is skipped.
      suite.mode = 'run';
      await collected.runner!.onBeforeRunSuite(suite);
      const hooks = TestRunner.getSuiteHooks(suite);
      for (const hook of hooks.beforeAll) {
        const cleanup: unknown = await hook(suite);
        if (typeof cleanup === 'function') teardowns.push(cleanup as () => unknown);
      }
      for (const hook of hooks.afterAll) teardowns.push(() => hook(suite));
    })();
    prepared.set(suite, done);
  }
  return done;
}

function suitesOf(test: RunnerTestCase): Suite[] {
  const suites: Suite[] = [];
  for (let suite = test.suite; suite; suite = suite.suite) suites.unshift(suite);
  return [test.file, ...suites];
}

function allTests(): Map<string, RunnerTestCase> {
  const tests = new Map<string, RunnerTestCase>();
  const visit = (suite: Suite, path: string) => {
    for (const task of suite.tasks) {
      if (task.mode === 'skip' || task.mode === 'todo') continue;
      let id = `${path}${path.endsWith('#') ? '' : ' '}${task.name}`;
      while (tests.has(id)) id += '*';
      if (task.type === 'suite') visit(task, id);
      else tests.set(id, task);
    }
  };
  for (const file of collected) visit(file, `${relative(process.cwd(), file.filepath)}#`);
  return tests;
}
