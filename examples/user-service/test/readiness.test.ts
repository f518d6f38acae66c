import type { CheckResult } from '@kit/health';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';

/** The service with a critical check that says what the test wants, asked anew by every probe. */
async function startWith(env: Record<string, string>) {
  const dataDir = mkdtempSync(join(tmpdir(), 'kit-users-'));
  const { app, health, close } = await createApp(
    readConfig({ USER_PORT: '0', LOG_LEVEL: 'silent', DATA_DIR: dataDir, ...env }),
  );
  let status: CheckResult['status'] = 'healthy';
  health.add({ name: 'dial', check: () => ({ status }) }, { critical: true, ttlMs: 0 });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const probe = async () => (await fetch(`${url}/health/ready`)).status;
  await probe();
  return {
    async probeWhile(next: CheckResult['status'], times: number) {
      status = next;
      const answers = [];
      for (let asked = 0; asked < times; asked += 1) answers.push(await probe());
      return answers;
    },
    async [Symbol.asyncDispose]() {
      await app.close();
      await close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

describe('readiness', () => {
  it('is strict and immediate unless the environment says otherwise', async () => {
    await using service = await startWith({});
    expect(await service.probeWhile('degraded', 1)).toEqual([503]);
    expect(await service.probeWhile('healthy', 1)).toEqual([200]);
  });

  it('as the Kubernetes manifests set it, serves while degraded, leaves at the third failure, returns at the second success', async () => {
    await using service = await startWith({
      HEALTH_READINESS: 'critical-only',
      HEALTH_FAILURES: '3',
      HEALTH_SUCCESSES: '2',
    });
    expect(await service.probeWhile('degraded', 4)).toEqual([200, 200, 200, 200]);
    expect(await service.probeWhile('unhealthy', 3)).toEqual([200, 200, 503]);
    expect(await service.probeWhile('healthy', 2)).toEqual([503, 200]);
  });

  it('refuses settings that mean nothing', () => {
    expect(() => readConfig({ HEALTH_READINESS: 'lenient', HEALTH_FAILURES: '0' })).toThrow(
      /HEALTH_READINESS[^]*HEALTH_FAILURES/,
    );
  });
});
