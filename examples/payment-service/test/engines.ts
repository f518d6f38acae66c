import { startPostgres } from 'kit-tooling/servers';

/** Where the scenarios run: the embedded default and a real PostgreSQL of the test's own. */
export const engines = [
  { engine: 'SQLite', start: async () => ({ url: '', stop: async () => {} }) },
  { engine: 'PostgreSQL', start: () => startPostgres() },
];
