import { createServer } from 'node:http';
import express from 'express';
import { serveForBench } from 'kit-tooling/bench';
import { createLogger, getTraceId } from '../../src/index.js';
import { traceMiddleware } from '../../src/express.js';
import { logPath } from './log-path.js';

createLogger({ console: false, file: { path: logPath, maxBytes: 1e9 } });
const app = express();
app.use(traceMiddleware({ logStart: false }));
app.get('/', (_req, res) => void res.json({ ok: getTraceId() !== undefined }));
await serveForBench(createServer(app).listen(0, '127.0.0.1'));
