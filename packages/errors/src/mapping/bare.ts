/**
 * Whether this is a plain `Error` with nothing on it but a message, a stack and perhaps a cause: most of what a service
 * throws by accident. No mapper finds a mark on such an error, so the forty places where they look are left out.
 */
export function isBareError(error: object): error is Error {
  try {
    if (Object.getPrototypeOf(error) !== Error.prototype) return false;
    for (const key of Reflect.ownKeys(error)) if (!bareKeys.has(key)) return false;
    return true;
  } catch {
    // A proxy with traps that throw.
    return false;
  }
}

const bareKeys: ReadonlySet<PropertyKey> = new Set(['stack', 'message', 'cause']);
