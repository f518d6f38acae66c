// A default logger that writes and exits at once.
import { getLogger } from '../../src/index.js';

for (let n = 0; n < 99; n++) getLogger().info({ n }, 'line');
getLogger('end').info('last');
process.exit(0);
