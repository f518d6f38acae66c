import { cpus } from 'node:os';
import { cpuSecondsOf } from './process-metrics.ts';

/** What the processors did between two moments; 1 is one core, fully. */
export interface Usage {
  /** The service that is asked. */
  service: number;
  /** This process, which shares the machine with it. */
  load: number;
  /** Of all cores, whoever used them: 1 means that the machine had nothing left. */
  machine: number;
  /** Between the two moments. */
  durationMs: number;
}

/** Begins to measure; the answer ends it. */
export async function measureUsage(url: string): Promise<() => Promise<Usage>> {
  const serviceBefore = await cpuSecondsOf(url);
  const loadBefore = process.cpuUsage();
  const machineBefore = machineTimes();
  const startedAt = performance.now();
  return async () => {
    const durationMs = performance.now() - startedAt;
    const seconds = durationMs / 1_000;
    const { user, system } = process.cpuUsage(loadBefore);
    const { busy, all } = machineTimes();
    return {
      service: ((await cpuSecondsOf(url)) - serviceBefore) / seconds,
      load: (user + system) / 1e6 / seconds,
      machine: (busy - machineBefore.busy) / Math.max(1, all - machineBefore.all),
      durationMs,
    };
  };
}

function machineTimes(): { busy: number; all: number } {
  const totals = cpus().map(({ times }) => {
    const all = Object.values(times).reduce((sum, ms) => sum + ms, 0);
    return { busy: all - times.idle, all };
  });
  return {
    busy: totals.reduce((sum, { busy }) => sum + busy, 0),
    all: totals.reduce((sum, { all }) => sum + all, 0),
  };
}
