import express from 'express';
import { serveForBench } from 'kit-tooling/bench';
import client from 'prom-client';
import { createMetrics } from '@kit/metrics';
import { metricsMiddleware } from '@kit/metrics/express';

const app = express();
app.use(metricsMiddleware({ metrics: createMetrics({ client }) }));
app.get('/users/:id', (_req, res) => void res.json({ ok: true }));
await serveForBench(app.listen(0, '127.0.0.1'));
