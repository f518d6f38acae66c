import express from 'express';
import promBundle from 'express-prom-bundle';
import { serveForBench } from 'kit-tooling/bench';

const app = express();
app.use(
  promBundle({ includeMethod: true, includePath: true, includeStatusCode: true }) as express.RequestHandler,
);
app.get('/users/:id', (_req, res) => void res.json({ ok: true }));
await serveForBench(app.listen(0, '127.0.0.1'));
