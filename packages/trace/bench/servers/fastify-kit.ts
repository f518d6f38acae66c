import fastify from 'fastify';
import { serveForBench } from 'kit-tooling/bench';
import { createLogger, getTraceId } from '@kit/trace';
import { tracePlugin } from '@kit/trace/fastify';
import { logPath } from './log-path.ts';

createLogger({ console: false, file: { path: logPath, maxBytes: 1e9 } });
const app = fastify();
await app.register(tracePlugin, { logStart: false });
app.get('/', () => ({ ok: getTraceId() !== undefined }));
await app.listen({ port: 0, host: '127.0.0.1' });
await serveForBench(app.server);
