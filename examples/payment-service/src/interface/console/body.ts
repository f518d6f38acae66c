import { type Exchange, Refusal } from './exchange.ts';

const maxBytes = 8 * 1024;

/** The fields of an urlencoded form or a JSON object; what a parser in front of us made of it counts too. */
export async function readFields(
  exchange: Exchange,
  type: 'form' | 'json',
): Promise<Record<string, unknown>> {
  const wanted = type === 'form' ? 'application/x-www-form-urlencoded' : 'application/json';
  const contentType = exchange.req.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (contentType !== wanted) throw new Refusal(415, `The body must be ${wanted}.`);
  if (exchange.req.readableEnded && isFields(exchange.body)) return exchange.body;
  const text = await readText(exchange);
  const fields = type === 'form' ? Object.fromEntries(new URLSearchParams(text)) : parse(text);
  if (!isFields(fields)) throw new Refusal(400, 'The body must be a JSON object.');
  return fields;
}

async function readText({ req }: Exchange): Promise<string> {
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  // A stream that is left early must not take the socket along: the answer goes out on it.
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const tooLarge = () => new Refusal(413, `The body must be at most ${maxBytes} bytes.`);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, 'The body is no JSON.');
  }
}

const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
