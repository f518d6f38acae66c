import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { PlatformPlan } from './services.ts';

/** What is wrong is said before anything runs, in one line. @throws Error */
export async function preflight(plan: PlatformPlan): Promise<void> {
  tryDataFolder(plan.dataDir);
  const taken = new Map<number, string>();
  for (const { variable, port, name } of plan.services.flatMap(({ ports }) => ports)) {
    const twin = taken.get(port);
    if (twin)
      throw new Error(`${twin} and ${variable} are both ${port}; give each service a port of its own`);
    taken.set(port, variable);
    await tryPort(plan.host, port, `${name} needs it: free it or set ${variable}`);
  }
}

function tryDataFolder(dataDir: string): void {
  const probe = join(dataDir, `.writable-${process.pid}`);
  try {
    mkdirSync(dataDir, { recursive: true });
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (error) {
    throw new Error(
      `cannot write to the data folder ${dataDir} (${codeOf(error)}); set DATA_DIR to another one`,
      {
        cause: error,
      },
    );
  }
}

async function tryPort(host: string, port: number, advice: string): Promise<void> {
  const probe = createServer();
  try {
    probe.listen(port, host);
    await once(probe, 'listening');
  } catch (error) {
    const what = codeOf(error) === 'EADDRINUSE' ? 'is taken' : `cannot be opened (${codeOf(error)})`;
    throw new Error(`port ${port} ${what}; ${advice}`, { cause: error });
  }
  await new Promise((resolve) => probe.close(resolve));
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? String(error);
