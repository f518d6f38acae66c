import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

// attw packs with npm by itself; what is published is packed by pnpm, which rewrites `workspace:` and the exports.
const folder = resolve(process.argv[2] ?? '.');
const target = mkdtempSync(join(tmpdir(), 'kit-attw-'));
try {
  execFileSync('pnpm', ['pack', '--pack-destination', target], { cwd: folder, stdio: 'pipe' });
  const [tarball] = readdirSync(target);
  execFileSync('attw', ['--profile', 'node16', '--format', 'ascii', join(target, tarball!)], {
    stdio: 'inherit',
  });
} catch {
  process.exitCode = 1;
} finally {
  rmSync(target, { recursive: true, force: true });
}
