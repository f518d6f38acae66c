import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/main.ts', 'src/import/cli.ts', 'src/auth/rotate-keys.ts'],
  format: 'esm',
  target: 'node22',
  clean: true,
  sourcemap: true,
});
