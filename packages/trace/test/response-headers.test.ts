import { request as httpRequest, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { startFastify, type RunningApp } from 'kit-tooling/apps';
import { afterEach, describe, expect, it } from 'vitest';
import { getTraceId } from '../src/index.js';
import { tracePlugin } from '../src/fastify.js';
import { recordLines, until, type LogLine } from './lines.js';

// A constant of somebody's module, sent by every request.
const sseHeaders = Object.freeze({ 'Content-Type': 'text/event-stream', 'X-Own': 'own' });

type Send = (reply: FastifyReply) => unknown;

/** Every way in which a Fastify handler can answer, and what it sends. */
const answers: Record<string, Send> = {
  'a value': () => ({ ok: true }),
  'an empty answer': (reply) => reply.code(204).send(),
  'not modified': (reply) => reply.code(304).send(),
  'a redirect': (reply) => reply.redirect('/elsewhere'),
  'a stream': (reply) => reply.send(Readable.from(['one', 'two'])),
  'a web stream': (reply) => reply.send(new Response('web').body),
  'a Response': (reply) => reply.send(new Response('web', { headers: { 'x-own': 'own' } })),
  trailers: (reply) => {
    reply.trailer('etag', (_reply, _payload, done) => done(null, 'x'));
    return reply.send('with a trailer');
  },
  'an error': () => {
    throw new Error('boom');
  },
  'an error of a stream': (reply) =>
    reply.send(
      new Readable({
        read() {
          this.destroy(new Error('boom'));
        },
      }),
    ),
  'a header that cannot be written': (reply) => reply.header('x-bad', 'a\nb').send('x'),
  hijacked: raw((response) => response.end('raw')),
  'hijacked, piece by piece': raw((response) => {
    response.write('one');
    response.end('two');
  }),
  'hijacked, with setHeader': raw((response) => {
    response.setHeader('Content-Type', 'text/plain');
    response.end('raw');
  }),
  'hijacked, with a head': raw((response) => response.writeHead(200, sseHeaders).end('data: 1\n\n')),
  'hijacked, with a head and a reason': raw((response) =>
    response.writeHead(200, 'Fine', sseHeaders).end('data: 1\n\n'),
  ),
  'hijacked, with a reason alone': raw((response) => response.writeHead(200, 'Fine').end('raw')),
  'hijacked, with a list of headers': raw((response) =>
    response.writeHead(200, ['X-Own', 'own', 'X-Own', 'twice']).end('raw'),
  ),
  'hijacked, with setHeader and a head': raw((response) => {
    response.setHeader('X-Set', 'set');
    response.writeHead(200, sseHeaders).end('raw');
  }),
  'hijacked, flushed first': raw((response) => {
    response.flushHeaders();
    response.end('raw');
  }),
  'raw without hijacking': (reply) => {
    reply.raw.writeHead(200, { 'content-length': 3 });
    reply.raw.end('raw');
    return reply;
  },
};

function raw(send: (response: ServerResponse) => unknown): Send {
  return (reply) => {
    reply.hijack();
    send(reply.raw);
  };
}

let running: RunningApp<FastifyInstance> | undefined;
let lines: LogLine[] = [];
afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function serve(send: Send, setUp: (app: FastifyInstance) => unknown = () => {}): Promise<string> {
  const recorded = recordLines();
  lines = recorded.lines;
  running = await startFastify(async (app) => {
    await app.register(tracePlugin, { logger: recorded.logger, logStart: false, trustInbound: true });
    await setUp(app);
    app.all('/', (_request, reply) => send(reply));
  });
  return running.url;
}

interface Answer {
  status: number;
  reason: string;
  /** As they were sent, one entry a header. */
  headers: [name: string, value: string][];
  body: string;
}

function ask(url: string, method = 'GET', headers: OutgoingHttpHeaders = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    httpRequest(url, { method, headers }, (response) => {
      let body = '';
      const { rawHeaders, statusCode = 0, statusMessage = '' } = response;
      const pairs = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1]!]] : []));
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () =>
        resolve({ status: statusCode, reason: statusMessage, headers: pairs as Answer['headers'], body }),
      );
    })
      .on('error', reject)
      .end();
  });
}

const named = ({ headers }: Answer, name: string) =>
  headers.filter(([given]) => given.toLowerCase() === name.toLowerCase());

describe('the trace headers on Fastify', () => {
  it.each(Object.entries(answers))('are sent once, in the page’s spelling: %s', async (_, send) => {
    const url = await serve(send);
    // Twice, since the connection and the constants of a module stay.
    for (const id of ['deadbeef', 'beefdead']) {
      const answer = await ask(url, 'GET', { 'x-trace-id': id, 'x-request-id': `gateway-${id}` });
      expect(named(answer, 'x-trace-id')).toEqual([['X-Trace-ID', id]]);
      expect(named(answer, 'x-request-id')).toEqual([['X-Request-ID', `gateway-${id}`]]);
    }
    await until(() => lines.length === 2);
    expect(lines.map((line) => line.id)).toEqual(['deadbeef', 'beefdead']);
  });

  it.each(Object.entries(answers).filter(([name]) => !/stream|trailers/.test(name)))(
    'are sent on HEAD, too, which logs no bytes: %s',
    async (_, send) => {
      const url = await serve(send);
      const answer = await ask(url, 'HEAD');
      expect(named(answer, 'x-trace-id')).toEqual([['X-Trace-ID', expect.stringMatching(/^[0-9a-f]{8}$/)]]);
      expect(answer.body).toBe('');
      await until(() => lines.length === 1);
      expect(lines[0]!.bytes).toBe(0);
    },
  );

  it('leave the other headers, the reason and the body as they are', async () => {
    const withReason = await ask(await serve(answers['hijacked, with a head and a reason']!));
    expect(withReason).toMatchObject({ status: 200, reason: 'Fine', body: 'data: 1\n\n' });
    expect(named(withReason, 'x-own')).toEqual([['X-Own', 'own']]);
    expect(Object.keys(sseHeaders)).toEqual(['Content-Type', 'X-Own']);
    await running!.close();
    const listed = await ask(await serve(answers['hijacked, with a list of headers']!));
    expect(named(listed, 'x-own').map(([, value]) => value)).toEqual(['own', 'twice']);
  });

  it.each<[string, Send]>([
    ['the reply', (reply) => reply.header('X-Request-ID', 'mine').header('x-trace-id', 'mine').send('x')],
    [
      'the response',
      raw((response) => {
        response.setHeader('x-request-id', 'mine');
        response.setHeader('x-trace-id', 'mine');
        response.end('x');
      }),
    ],
    [
      'the head',
      raw((response) => response.writeHead(200, { 'X-REQUEST-ID': 'mine', 'x-trace-id': 'mine' }).end('x')),
    ],
    [
      'a list',
      raw((response) => response.writeHead(200, ['x-request-id', 'mine', 'x-trace-id', 'mine']).end('x')),
    ],
  ])('give way to what the application sets under their names: on %s', async (_, send) => {
    const answer = await ask(await serve(send));
    for (const name of ['x-trace-id', 'x-request-id'])
      expect(named(answer, name).map(([, value]) => value)).toEqual(['mine']);
  });

  it('can be read from the reply, in hooks and handlers', async () => {
    const seen: unknown[] = [];
    const url = await serve(
      (reply) => {
        seen.push(reply.getHeader('X-Trace-ID'), reply.hasHeader('x-request-id'));
        return 'x';
      },
      (app) =>
        app.addHook('onSend', async (_request, reply) => {
          seen.push(reply.getHeaders()['x-trace-id']);
        }),
    );
    const id = named(await ask(url), 'x-trace-id')[0]![1];
    expect(seen).toEqual([id, true, id]);
  });

  it('go along with others who watch the head', async () => {
    const heads: string[] = [];
    const watch = (response: ServerResponse, name: string) => {
      const { writeHead } = response;
      response.writeHead = function (this: ServerResponse, ...args: unknown[]) {
        heads.push(name);
        return writeHead.apply(this, args as never);
      };
    };
    const recorded = recordLines();
    running = await startFastify(async (app) => {
      app.addHook('onRequest', async (_request, reply) => watch(reply.raw, 'before'));
      await app.register(tracePlugin, { logger: recorded.logger });
      app.addHook('onRequest', async (_request, reply) => watch(reply.raw, 'after'));
      app.get('/', () => ({ id: getTraceId() }));
    });
    const answer = await ask(running.url);
    expect(named(answer, 'x-trace-id')[0]![1]).toBe((JSON.parse(answer.body) as { id: string }).id);
    expect(heads).toEqual(['after', 'before']);
  });

  it('are those of one trace, logged once, where the plugin is registered twice', async () => {
    const recorded = recordLines();
    running = await startFastify(async (app) => {
      await app.register(tracePlugin, { logger: recorded.logger });
      app.register(
        async (child) => {
          await child.register(tracePlugin, { logger: recorded.logger });
          child.get('/', () => ({ id: getTraceId() }));
        },
        { prefix: '/child' },
      );
    });
    const answer = await ask(`${running.url}/child`);
    const { id } = JSON.parse(answer.body) as { id: string };
    expect(named(answer, 'x-trace-id').map(([, value]) => value)).toEqual([id]);
    await until(() => recorded.lines.some((line) => line.msg === 'request finished'));
    expect(recorded.lines.map((line) => [line.msg, line.id])).toEqual([
      ['request started', id],
      ['request finished', id],
    ]);
  });

  it('are sent by inject and over HTTP/2', async () => {
    const app = fastify({ http2: true });
    await app.register(tracePlugin as never, { logger: recordLines().logger });
    app.get('/', () => ({ ok: true }));
    try {
      const url = await app.listen({ port: 0, host: '127.0.0.1' });
      const client = connectHttp2(url);
      const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
        client.on('error', reject);
        client.request({ ':path': '/' }).on('response', resolve).on('error', reject).resume().end();
      });
      client.close();
      expect(headers['x-trace-id']).toMatch(/^[0-9a-f]{8}$/);
    } finally {
      await app.close();
    }
    await serve(() => 'x');
    const injected = await running!.app.inject('/');
    expect(injected.headers['x-trace-id']).toMatch(/^[0-9a-f]{8}$/);
    expect(injected.headers['x-request-id']).toBe(injected.headers['x-trace-id']);
  });
});

describe('the bytes of a response of Fastify', () => {
  it.each<[string, Send, number]>([
    ['of a value', () => 'twelve bytes', 12],
    ['of letters beyond ASCII', () => 'é'.repeat(50), 100],
    [
      'of a head with a length',
      raw((response) => response.writeHead(200, { 'Content-Length': 5 }).end('12345')),
      5,
    ],
    [
      'of a length that was set',
      raw((response) => {
        response.setHeader('content-length', 5);
        response.end('12345');
      }),
      5,
    ],
    ['of a raw end', raw((response) => response.end('12345')), 5],
    ['of an empty answer', (reply) => reply.code(204).send(), 0],
  ])('are those of its body: %s', async (_, send, bytes) => {
    const url = await serve(send);
    for (let count = 0; count < 2; count += 1) await ask(url);
    await until(() => lines.length === 2);
    expect(lines.map((line) => line.bytes)).toEqual([bytes, bytes]);
  });

  it('are right for each of several requests in one packet', async () => {
    await serve(() => 'twelve bytes');
    const { port } = new URL(running!.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.resume().write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5));
    await until(() => lines.length === 5);
    socket.destroy();
    expect(lines.map((line) => line.bytes)).toEqual([12, 12, 12, 12, 12]);
  });
});
