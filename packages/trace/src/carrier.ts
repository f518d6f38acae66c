/**
 * @internal One header of a carrier, whatever its shape: `Headers` and `Map` by `get`, an object in any letter case, bytes
 * (Kafka) as text. A header that came twice is no header.
 */
export function readHeader(carrier: object, name: string): string | undefined {
  const value = hasGet(carrier) ? carrier.get(name) : readKey(carrier as Record<string, unknown>, name);
  return headerText(value);
}

/** @internal Sets a header under the name the carrier already uses for it, so that no header is sent twice. */
export function writeHeader(carrier: object, name: string, value: string): void {
  if (hasSet(carrier)) carrier.set(name, value);
  else {
    const record = carrier as Record<string, unknown>;
    record[findKey(record, name) ?? name] = value;
  }
}

/** @internal */
export function removeHeader(carrier: object, name: string): void {
  if (hasSet(carrier)) carrier.delete?.(name);
  else {
    const record = carrier as Record<string, unknown>;
    const key = findKey(record, name);
    if (key !== undefined) delete record[key];
  }
}

/** @internal */
export function headerText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array)
    return value.length > 4096 ? undefined : Buffer.from(value).toString('latin1');
  if (Array.isArray(value) && value.length === 1) return headerText(value[0]);
  return undefined;
}

function readKey(record: Record<string, unknown>, name: string): unknown {
  if (Object.hasOwn(record, name)) return record[name];
  const key = findKey(record, name);
  return key === undefined ? undefined : record[key];
}

function findKey(record: Record<string, unknown>, name: string): string | undefined {
  const lower = name.toLowerCase();
  return Object.keys(record).find((key) => key.length === lower.length && key.toLowerCase() === lower);
}

function hasGet(carrier: object): carrier is { get(name: string): unknown } {
  return typeof (carrier as { get?: unknown }).get === 'function';
}

function hasSet(
  carrier: object,
): carrier is { set(name: string, value: string): void; delete?(name: string): void } {
  return typeof (carrier as { set?: unknown }).set === 'function';
}
