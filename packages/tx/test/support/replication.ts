import { appendFileSync, cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPostgres, type TestServer } from 'kit-tooling/servers';

/** A hot standby that streams from `primary`. The primary is killed for the moment of the copy. */
export function startStandby(primary: TestServer): Promise<TestServer> {
  return startPostgres({
    async prepare(dataDir) {
      await primary.kill();
      for (const entry of readdirSync(dataDir)) rmSync(join(dataDir, entry), { recursive: true });
      cpSync(primary.dataDir, dataDir, { recursive: true });
      rmSync(join(dataDir, 'postmaster.pid'), { force: true });
      await primary.restart();
      writeFileSync(join(dataDir, 'standby.signal'), '');
      appendFileSync(
        join(dataDir, 'postgresql.auto.conf'),
        `primary_conninfo = 'host=127.0.0.1 port=${primary.port} user=kit'\n`,
      );
    },
  });
}
