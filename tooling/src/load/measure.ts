import { drive, type Outcome } from './drive.ts';
import type { Platform } from './platform.ts';
import { residentBytesOf } from './process-metrics.ts';
import type { Scenario } from './scenarios.ts';
import { measureUsage, type Usage } from './usage.ts';

/** A scenario and its requests a second, evenly spread. */
export interface Driven {
  scenario: Scenario;
  rate: number;
}

export interface Measured {
  scenario: Scenario;
  outcome: Outcome;
  /** Of the service that was asked, whatever else it was asked at the same time. */
  usage: Usage;
  /** Core milliseconds a request of any kind took that service. */
  cpuMsARequest: number;
  residentBytes: number;
}

export interface Extent {
  connections: number;
  /** Seconds that do not count. */
  warmup: number;
  /** Seconds that do. */
  duration: number;
}

/** Drives the scenarios side by side. */
export async function measure(
  platform: Platform,
  driven: readonly Driven[],
  { connections, warmup, duration }: Extent,
): Promise<Measured[]> {
  const driveAll = (seconds: number) =>
    Promise.all(
      driven.map(({ scenario, rate }) =>
        drive({ ...scenario, url: platform[scenario.service], rate, connections, duration: seconds }),
      ),
    );
  if (warmup > 0) await driveAll(warmup);
  const services = [...new Set(driven.map(({ scenario }) => scenario.service))];
  const meters = await Promise.all(services.map((service) => measureUsage(platform[service])));
  const outcomes = await driveAll(duration);
  const ofServices = await Promise.all(
    services.map(async (service, index) => {
      const usage = await meters[index]!();
      const answers = outcomes
        .filter((_, at) => driven[at]!.scenario.service === service)
        .reduce((sum, { latencies }) => sum + latencies.length, 0);
      const cpuMsARequest = (usage.service * usage.durationMs) / Math.max(1, answers);
      return { usage, cpuMsARequest, residentBytes: await residentBytesOf(platform[service]) };
    }),
  );
  return driven.map(({ scenario }, at) => ({
    scenario,
    outcome: outcomes[at]!,
    ...ofServices[services.indexOf(scenario.service)]!,
  }));
}
