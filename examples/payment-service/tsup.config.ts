import { cpSync } from 'node:fs';
import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/main.ts'],
  format: 'esm',
  target: 'node22',
  clean: true,
  sourcemap: true,
  // The console's page is served as it is; it lies beside the bundle as it lies beside its source.
  onSuccess: async () => cpSync('src/interface/console/page', 'dist/page', { recursive: true }),
});
