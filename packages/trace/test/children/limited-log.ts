// Runs under `ulimit -f`: the file cannot grow beyond it, the process has to go on.
import { createLogger } from '../../src/index.js';

const logger = createLogger({ console: false, file: { path: process.argv[2]! } });
for (let n = 0; n < 200; n++) logger.info({ n, text: 'x'.repeat(100) }, 'line');
setTimeout(() => {
  process.stdout.write(`alive, lost ${logger.lostLines}\n`);
}, 20);
