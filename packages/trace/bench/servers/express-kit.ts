import { createServer } from 'node:http';
import express from 'express';
import { serveForBench } from 'kit-tooling/bench';
import { createLogger, getTraceId } from '@kit/trace';
import { traceMiddleware } from '@kit/trace/express';
import { logPath } from './log-path.ts';

createLogger({ console: false, file: { path: logPath, maxBytes: 1e9 } });
const app = express();
app.use(traceMiddleware({ logStart: false }));
app.get('/', (_req, res) => void res.json({ ok: getTraceId() !== undefined }));
await serveForBench(createServer(app).listen(0, '127.0.0.1'));
