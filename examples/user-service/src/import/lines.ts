export interface Line {
  /** 1 is the header. */
  number: number;
  /** Undefined for a line of more than `maxBytes`, which is passed over without being kept. */
  bytes: Buffer | undefined;
}

/** Lines of a byte stream in bounded memory, however long one of them is. CR LF and LF both end a line. */
export async function* linesOf(stream: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Line> {
  let number = 1;
  let parts: Buffer[] = [];
  let size = 0;
  const take = (part: Buffer) => {
    size += part.length;
    if (size <= maxBytes) parts.push(part);
    else parts = [];
  };
  const finish = (): Line => {
    const line = { number, bytes: size > maxBytes ? undefined : withoutCarriageReturn(Buffer.concat(parts)) };
    number += 1;
    parts = [];
    size = 0;
    return line;
  };
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      take(chunk.subarray(from, end));
      yield finish();
      from = end + 1;
    }
    if (from < chunk.length) take(chunk.subarray(from));
  }
  if (size > 0) yield finish();
}

function withoutCarriageReturn(line: Buffer): Buffer {
  return line.at(-1) === 13 ? line.subarray(0, -1) : line;
}
