import type { Redis } from 'ioredis';
import type { OutboxMessage } from './index.js';
import { checkObject, show } from './options.js';

/** Options of `createRedisStreamsPublisher`. */
export interface RedisStreamsOptions {
  /** A connected ioredis; the caller closes it. */
  redis: Pick<Redis, 'pipeline'>;
  /** The stream a message goes to. @default its topic */
  stream?: ((message: OutboxMessage) => string) | undefined;
  /** Streams are trimmed to about so many entries. @default never */
  maxLength?: number | undefined;
}

/**
 * Makes the `publish` of an outbox relay that appends to Redis Streams: one round trip a batch, in the batch's order. What
 * comes behind a refused message, in its stream or under its key, is not appended, so that the order of a key holds; a key
 * that goes from one stream to another within a batch costs a round trip more.
 * An entry has the fields `id`, `topic`, `key`, `payload` (JSON) and `headers` (JSON).
 *
 * @throws TypeError, RangeError on wrong options, by name.
 * @example
 * import { Redis } from 'ioredis';
 * const publish = createRedisStreamsPublisher({ redis: new Redis(), maxLength: 100_000 });
 */
export function createRedisStreamsPublisher(
  options: RedisStreamsOptions,
): (batch: readonly OutboxMessage[]) => Promise<void> {
  checkObject(options);
  const { redis, stream = (message: OutboxMessage) => message.topic, maxLength } = options;
  if (typeof redis?.pipeline !== 'function')
    throw new TypeError(`redis must be an ioredis, got ${show(redis)}`);
  if (typeof stream !== 'function') throw new TypeError(`stream must be a function, got ${show(stream)}`);
  if (maxLength !== undefined && !(Number.isSafeInteger(maxLength) && maxLength >= 1)) {
    throw new RangeError(`maxLength must be an integer >= 1, got ${show(maxLength)}`);
  }
  const trim = maxLength === undefined ? '' : String(maxLength);
  return async (batch) => {
    for (const streams of roundsOf(batch, stream)) {
      const pipeline = redis.pipeline();
      for (const [name, messages] of streams) {
        pipeline.eval(appendScript, 1, name, trim, ...messages.flatMap(textsOf));
      }
      for (const [error] of (await pipeline.exec()) ?? []) {
        if (error) throw error;
      }
    }
  };
}

// Redis goes on in a pipeline, and in a MULTI, after a command that it refused; a script ends there.
const appendScript = `
for i = 2, #ARGV, 6 do
  local entry = { 'XADD', KEYS[1] }
  local function put(...) for _, text in ipairs({ ... }) do entry[#entry + 1] = text end end
  if ARGV[1] ~= '' then put('MAXLEN', '~', ARGV[1]) end
  put('*', 'id', ARGV[i], 'topic', ARGV[i + 3])
  if ARGV[i + 1] == '1' then put('key', ARGV[i + 2]) end
  put('payload', ARGV[i + 4], 'headers', ARGV[i + 5])
  redis.call(unpack(entry))
end
return redis.status_reply('OK')`;

function textsOf({ id, topic, key, payload, headers }: OutboxMessage): string[] {
  return [id, key === undefined ? '0' : '1', key ?? '', topic, toText(payload), toText(headers)];
}

const toText = (value: unknown) => JSON.stringify(value ?? null);

type Round = Map<string, OutboxMessage[]>;

/** The streams of a batch in rounds: within one, a key has one stream, and a stream keeps the batch's order. */
function roundsOf(
  batch: readonly OutboxMessage[],
  streamOf: (message: OutboxMessage) => string,
): readonly Round[] {
  const rounds: Round[] = [];
  const lastOfKey = new Map<string, { round: number; stream: string }>();
  const lastOfStream = new Map<string, number>();
  for (const message of batch) {
    const stream = streamOf(message);
    const before = message.key === undefined ? undefined : lastOfKey.get(message.key);
    const afterKey = before === undefined ? 0 : before.round + (before.stream === stream ? 0 : 1);
    const round = Math.max(afterKey, lastOfStream.get(stream) ?? 0);
    lastOfStream.set(stream, round);
    if (message.key !== undefined) lastOfKey.set(message.key, { round, stream });
    const streams = (rounds[round] ??= new Map());
    streams.set(stream, [...(streams.get(stream) ?? []), message]);
  }
  return rounds;
}
