import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file of this process's own to log to. */
export const logPath = join(mkdtempSync(join(tmpdir(), 'kit-bench-')), 'app.log');
