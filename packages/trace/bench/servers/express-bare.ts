import { createServer } from 'node:http';
import express from 'express';
import { serveForBench } from 'kit-tooling/bench';

const app = express();
app.get('/', (_req, res) => void res.json({ ok: true }));
await serveForBench(createServer(app).listen(0, '127.0.0.1'));
