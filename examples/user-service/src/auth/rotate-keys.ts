import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig } from '../config.ts';
import { type Algorithm, rotateKeys } from './key-ring.ts';

const { values } = parseArgs({
  options: {
    algorithm: { type: 'string', default: 'RS256' },
    keep: { type: 'string', default: '3' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const keep = Number(values.keep);
if (values.help || !['RS256', 'HS256'].includes(values.algorithm) || !Number.isInteger(keep) || keep < 1) {
  process.stderr.write(
    'rotate-keys [--algorithm RS256|HS256] [--keep 3]\n\n  New tokens are signed with a new key; --keep keys go on verifying.\n',
  );
  process.exit(values.help ? 0 : 2);
}
const file = join(readConfig().DATA_DIR, 'user-service-keys.json');
const kid = await rotateKeys(file, { algorithm: values.algorithm as Algorithm, keep });
process.stdout.write(`new tokens are signed with key ${kid} (${values.algorithm})\n`);
