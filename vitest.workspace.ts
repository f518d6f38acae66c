import { existsSync, readdirSync } from 'node:fs';

const project = (name: string, root: string, options: Record<string, unknown> = {}) => ({
  extends: true as const,
  test: { name, root, include: ['test/**/*.test.ts'], ...options },
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
