import { createHash } from 'node:crypto';
import { type Checker, type CheckResult, CheckStatus } from '@stryker-mutator/api/check';
import type { Mutant } from '@stryker-mutator/api/core';
import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin';

const percent = Number(process.env.KIT_MUTATION_SAMPLE);
const seed = process.env.KIT_MUTATION_SEED;

/** Lets a random share of the mutants through, the same ones for the same seed; the others count as not run. */
class Sampler implements Checker {
  static readonly inject = [] as const;

  async init(): Promise<void> {}

  async check(mutants: Mutant[]): Promise<Record<string, CheckResult>> {
    return Object.fromEntries(mutants.map((mutant) => [mutant.id, verdictOn(mutant)]));
  }
}

function verdictOn({ fileName, location, replacement }: Mutant): CheckResult {
  const file = fileName.slice(fileName.lastIndexOf('packages/'));
  const key = JSON.stringify([seed, file, location, replacement]);
  const draw = createHash('sha256').update(key).digest().readUInt32BE() / 2 ** 32;
  return draw * 100 < percent
    ? { status: CheckStatus.Passed }
    : { status: CheckStatus.CompileError, reason: 'not in the sample' };
}

export const strykerPlugins = [declareClassPlugin(PluginKind.Checker, 'sampler', Sampler)];
