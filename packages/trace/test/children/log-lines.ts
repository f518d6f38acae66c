// Logs lines to a file and then ends in the way the test asks for.
import { createLogger, getLogger, runWithTrace } from '../../src/index.js';

const [path, ending] = process.argv.slice(2);
createLogger({ console: false, file: { path: path! } });

runWithTrace({}, () => {
  for (let n = 0; n < 500; n++) getLogger().info({ n }, 'line');
  getLogger().warn({ n: 500 }, 'last line');
});

if (ending === 'exit') process.exit(3);
if (ending === 'throw') {
  setTimeout(() => {
    throw new Error('nobody catches this');
  });
}
if (ending === 'reject') void Promise.reject(new Error('nobody handles this'));
if (ending === 'signal') {
  setInterval(() => {}, 1000);
  process.stdout.write('ready\n');
}
