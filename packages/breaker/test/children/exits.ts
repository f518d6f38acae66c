import { createHttpClient, createPipeline, presets } from '../../src/index.js';

const [url] = process.argv.slice(2);
const codeOf = (error: unknown) => (error as { code: string }).code;

const client = createHttpClient({ name: 'partner', baseUrl: url!, ...presets.standard });
const quick = createHttpClient({ name: 'partner', baseUrl: url!, timeout: { timeoutMs: 50 } });
// Nothing else keeps this process alive: the timeout itself has to, until the call is given up.
const pipeline = createPipeline({ name: 'deaf', timeout: { timeoutMs: 50 } });

const results = [
  await client.get('/ok').text(),
  await quick.get('/hang').then(String, codeOf),
  await pipeline.run(() => new Promise(() => {})).then(String, codeOf),
];
process.stdout.write(`${results.join(' ')}\n`);
