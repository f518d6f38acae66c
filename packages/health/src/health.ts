import type { IncomingMessage } from 'node:http';
import { publishChecked, publishReadiness } from './channels.js';
import type { Check } from './check.js';
import { type CheckRunner, createCheckRunner, type Outcome } from './check-runner.js';
import {
  answerProbe,
  type Endpoint,
  endpointPaths,
  type HeaderValue,
  type ProbeAnswer,
} from './endpoints.js';
import { type AddOptions, type HealthOptions, readGroups, readOptions, readTtl } from './options.js';
import { isReadyBy } from './readiness.js';
import { checkReport, healthReport, type HealthReport } from './report.js';
import {
  requireBoolean,
  requireDelay,
  requireFunction,
  requireMethod,
  requireObject,
  requireText,
  shown,
} from './rules.js';
import { createStartupLatch } from './startup.js';

/** Which checks a report is about. */
export interface ReportOptions {
  /** Only the checks of this group. @default all checks */
  group?: string;
  /** Leaves out checks that ask another service's health, which may be the one that asks. @default false */
  localOnly?: boolean;
}

/** The checks of one service, its probes and its readiness. */
export interface Health {
  readonly name: string;
  /** The path of each endpoint, e.g. `paths.ready` is `/health/ready`. */
  readonly paths: Readonly<Record<Endpoint, string>>;
  readonly isShuttingDown: boolean;
  /** Adds a check. @throws TypeError when its name is taken or its shape is wrong */
  add(check: Check, options?: AddOptions): Health;
  /** Runs the work that comes before traffic; `startup` and `ready` answer 503 until all of it is done. */
  startup(task: () => unknown): Promise<void>;
  /** Asks all checks at once, from the cache where it is fresh; never rejects because of a check. */
  report(options?: ReportOptions): Promise<HealthReport>;
  /** The readiness by the results at hand, without a wait; false until each check of `ready` has one. */
  isReady(): boolean;
  /** Makes the service not ready for good; liveness stays. `gracefulShutdown` calls it. */
  beginShutdown(): void;
  /** The answer of an endpoint for one request, for adapters; `vary` is what the response's header of that name has so far. */
  answer(endpoint: Endpoint, req: IncomingMessage, vary?: HeaderValue): Promise<ProbeAnswer>;
  /** Ends every timer and listener; results stay readable. */
  close(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

interface Member {
  check: Check;
  critical: boolean;
  groups: readonly string[];
  ttlMs: number;
  runner: CheckRunner;
}

/**
 * Creates the health of a service.
 *
 * @throws RangeError or TypeError for a wrong option
 * @example
 * ```ts
 * import { createHealth } from '@kit/health';
 *
 * const health = createHealth({ ttlMs: 2_000, readiness: 'critical-only' });
 * health.add({ name: 'queue', check: () => ({ status: 'healthy' }) });
 * export const report = await health.report();
 * health.close();
 * ```
 */
export function createHealth(options: HealthOptions = {}): Health {
  const settings = readOptions(options);
  const { now } = settings;
  const members = new Map<string, Member>();
  const startup = createStartupLatch(() => noteReadiness());
  let isShuttingDown = false;
  let isClosed = false;
  let knownReady: boolean | undefined;

  const timer =
    settings.intervalMs === undefined
      ? undefined
      : setInterval(() => {
          for (const { runner } of members.values()) void runner.refresh();
        }, settings.intervalMs).unref();

  const outcomeOf = ({ runner, ttlMs }: Member): Outcome | undefined => {
    const latest = runner.latest;
    const ageMs = latest ? now() - latest.at : 0;
    // A slow check with a long ttl of its own is not stale before that ttl is over.
    if (!latest || ageMs <= Math.max(settings.staleAfterMs, ttlMs)) return latest;
    return {
      status: 'unhealthy',
      message: `stale: the last result is ${ageMs} ms old`,
      durationMs: 0,
      at: now(),
    };
  };

  const isAgeing = ({ runner }: Member) =>
    runner.latest !== undefined && now() - runner.latest.at > settings.staleAfterMs / 2;

  const read = (member: Member): Outcome | Promise<Outcome> => {
    if (settings.intervalMs === undefined) return member.runner.read();
    return outcomeOf(member) ?? member.runner.refresh();
  };

  const membersOf = ({ group, localOnly }: ReportOptions) =>
    [...members.values()].filter(
      ({ check, groups }) =>
        (group === undefined || groups.includes(group)) && !(localOnly === true && check.remote === true),
    );

  /** The readiness by what is known now; undefined while a check has no result yet. */
  const readinessNow = (): boolean | undefined => {
    if (isShuttingDown || !startup.isDone) return false;
    const checks = [];
    for (const member of membersOf({ group: 'ready' })) {
      const outcome = outcomeOf(member);
      if (!outcome) return undefined;
      checks.push(checkReport(member.check.name, member.critical, outcome));
    }
    return isReadyBy(settings.readiness, healthReport(checks, now(), 0));
  };

  const noteReadiness = () => {
    const ready = readinessNow();
    if (ready === undefined || ready === knownReady) return;
    knownReady = ready;
    publishReadiness(settings.name, ready);
  };

  const health: Health = {
    name: settings.name,
    paths: endpointPaths(settings.basePath),
    get isShuttingDown() {
      return isShuttingDown;
    },
    add(check, addOptions = {}) {
      if (typeof check !== 'object' || check === null)
        throw new TypeError(`check must be an object, got ${shown(check)}`);
      const name = requireText('check.name', check.name);
      requireMethod('check', check, 'check');
      if (members.has(name)) throw new TypeError(`check.name must be unique, got ${shown(name)} twice`);
      requireObject('options', addOptions);
      const ttlMs = addOptions.ttlMs === undefined ? settings.ttlMs : readTtl(addOptions.ttlMs);
      const runner = createCheckRunner(check, {
        timeoutMs: requireDelay('timeoutMs', addOptions.timeoutMs ?? check.timeoutMs ?? settings.timeoutMs),
        ttlMs,
        thresholds: settings.thresholds,
        now,
        onObserved: ({ status, durationMs }) => {
          publishChecked(name, status, durationMs);
          noteReadiness();
        },
      });
      members.set(name, {
        check,
        critical: requireBoolean('critical', addOptions.critical ?? true),
        groups: readGroups(addOptions.groups ?? ['ready']),
        ttlMs,
        runner,
      });
      if (isClosed) runner.close();
      else if (settings.intervalMs !== undefined) void runner.refresh();
      return health;
    },
    startup(task) {
      requireFunction('startup', task);
      return startup.run(task);
    },
    async report(reportOptions = {}) {
      const startedAt = now();
      const chosen = membersOf(reportOptions);
      const outcomes = await Promise.all(chosen.map(async (member) => read(member)));
      const checks = chosen.map(({ check, critical }, index) =>
        checkReport(check.name, critical, outcomes[index]!),
      );
      return healthReport(checks, now(), now() - startedAt);
    },
    isReady() {
      const ready = readinessNow();
      // Without probes nobody renews: before a result is stale, or when one says no, whoever asks here has it renewed.
      if (!isShuttingDown)
        for (const member of membersOf({ group: 'ready' })) {
          if (!ready || isAgeing(member)) void read(member);
        }
      return ready ?? false;
    },
    beginShutdown() {
      isShuttingDown = true;
      noteReadiness();
    },
    answer: (endpoint, req, vary) => answerProbe(endpoint, req, { health, settings, startup }, vary),
    close() {
      if (isClosed) return;
      isClosed = true;
      clearInterval(timer);
      for (const { runner } of members.values()) runner.close();
    },
    [Symbol.asyncDispose]: async () => health.close(),
  };
  return health;
}
