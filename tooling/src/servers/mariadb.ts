import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import { findOnPath, requireProgram } from './from-path.ts';
import { startServer, type TestServer } from './server-process.ts';

export interface MariaDbOptions {
  /** Options for mariadbd, e.g. `{ 'innodb-lock-wait-timeout': '1' }`. */
  settings?: Record<string, string>;
}

/** A MariaDB of the test's own, from the mariadbd on PATH. The user is `root` without a password, the database `kit`. */
export async function startMariaDb(options: MariaDbOptions = {}): Promise<TestServer> {
  const mariadbd = requireProgram('mariadb');
  const installer = findOnPath('mariadb-install-db') ?? findOnPath('mysql_install_db');
  if (!installer)
    throw new Error('mariadb-install-db is not on PATH. Debian: apt-get install mariadb-server');
  // mariadbd runs as root only when it is told so by name.
  const asUser = process.getuid?.() === 0 ? ['--user=root'] : [];
  const server = await startServer({
    name: 'mariadb',
    prepare(dataDir) {
      execFileSync(
        installer,
        [
          '--no-defaults',
          `--datadir=${dataDir}`,
          '--auth-root-authentication-method=normal',
          '--skip-test-db',
          ...asUser,
        ],
        // Two installers at once would use the same temporary tables in /tmp.
        { stdio: 'pipe', env: { ...process.env, TMPDIR: dataDir } },
      );
    },
    command: (port, dataDir) => ({
      file: mariadbd,
      args: [
        '--no-defaults',
        `--datadir=${dataDir}`,
        `--port=${port}`,
        '--bind-address=127.0.0.1',
        `--socket=${join(dataDir, 's.sock')}`,
        `--pid-file=${join(dataDir, 'pid')}`,
        '--innodb-buffer-pool-size=32M',
        '--innodb-flush-log-at-trx-commit=2',
        '--skip-name-resolve',
        ...asUser,
        ...Object.entries(options.settings ?? {}).map(([key, value]) => `--${key}=${value}`),
      ],
      env: { TMPDIR: dataDir },
    }),
    async isReady(port) {
      const connection = await mysql.createConnection({
        host: '127.0.0.1',
        port,
        user: 'root',
        connectTimeout: 5_000,
      });
      await connection.query('CREATE DATABASE IF NOT EXISTS kit');
      await connection.end();
    },
    url: (port) => `mysql://root@127.0.0.1:${port}/kit`,
  });
  return server;
}
