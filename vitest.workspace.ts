import { existsSync, readdirSync } from 'node:fs';

/** In CI a failed test runs once more and is named at the end; what may be lost once in a thousand times is red at once. */
const secondTry = (name: string) => (process.env.CI && name !== 'crash' ? 1 : 0);

const project = (name: string, root: string, options: Record<string, unknown> = {}) => ({
  extends: true as const,
  test: { name, root, include: ['test/**/*.test.ts'], retry: secondTry(name), ...options },
});

const folders = (parent: string) =>
  existsSync(new URL(parent, import.meta.url))
    ? readdirSync(new URL(parent, import.meta.url), { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
        .map((entry) => entry.name)
    : [];

/** Every folder with tests is a project: `vitest --project trace` runs one of them. */
export default [
  ...folders('packages').map((name) => project(name, `packages/${name}`)),
  ...folders('examples').map((name) => project(name, `examples/${name}`)),
  ...folders('tests').map((name) => project(name, `tests/${name}`, { include: ['**/*.test.ts'] })),
  project('tooling', 'tooling'),
];
