import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, getLogger, getTrace, runWithTrace, setTraceFields, traceMixin } from '@kit/trace';
import pino from 'pino';

const folder = mkdtempSync(join(tmpdir(), 'kit-log-'));
const path = join(folder, 'app.log');
const logger = createLogger({ console: false, file: { path } });
const traceId = runWithTrace({}, () => {
  setTraceFields({ userId: 'u1' });
  getLogger('billing').info({ password: 'hunter2', cause: new Error('token=abc') }, 'charged');
  return getTrace().traceId;
});
await logger.flush();
await logger.close();
const [line] = readFileSync(path, 'utf8').trim().split('\n').map(JSON.parse);
assert.equal(line.traceId, traceId);
assert.equal(line.userId, 'u1');
assert.equal(line.msg, 'charged');
assert.ok(!JSON.stringify(line).includes('hunter2'));

// A pino of the user's own takes the trace by its mixin.
const lines = [];
const own = pino({ mixin: traceMixin() }, { write: (text) => lines.push(JSON.parse(text)) });
runWithTrace({}, () => own.child({ module: 'own' }).warn('hello'));
assert.match(lines[0].traceId, /^[0-9a-f]{32}$/);
assert.equal(lines[0].module, 'own');
rmSync(folder, { recursive: true });
console.log('log lines: ok');
