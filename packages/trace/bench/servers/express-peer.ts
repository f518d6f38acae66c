import { createServer } from 'node:http';
import express from 'express';
import httpContext from 'express-http-context';
import { serveForBench } from 'kit-tooling/bench';
import { destination, pino } from 'pino';
import { pinoHttp } from 'pino-http';
import { logPath } from './log-path.ts';

const app = express();
app.use(pinoHttp({ logger: pino(destination({ dest: logPath, sync: true })) }));
app.use(httpContext.middleware);
app.use((req, _res, next) => {
  httpContext.set('id', req.id);
  next();
});
app.get('/', (_req, res) => void res.json({ ok: httpContext.get('id') !== undefined }));
await serveForBench(createServer(app).listen(0, '127.0.0.1'));
