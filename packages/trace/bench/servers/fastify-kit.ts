import fastify from 'fastify';
import { serveForBench } from 'kit-tooling/bench';
import { createLogger, getTraceId } from '../../src/index.js';
import { tracePlugin } from '../../src/fastify.js';
import { logPath } from './log-path.js';

createLogger({ console: false, file: { path: logPath, maxBytes: 1e9 } });
const app = fastify();
await app.register(tracePlugin, { logStart: false });
app.get('/', () => ({ ok: getTraceId() !== undefined }));
await app.listen({ port: 0, host: '127.0.0.1' });
await serveForBench(app.server);
