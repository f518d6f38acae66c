import express from 'express';
import { serveForBench } from 'kit-tooling/bench';

const app = express();
app.get('/users/:id', (_req, res) => void res.json({ ok: true }));
await serveForBench(app.listen(0, '127.0.0.1'));
