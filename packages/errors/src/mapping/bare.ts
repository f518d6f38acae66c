/**
 * Whether this is a plain `Error` with nothing on it but a message, a stack and perhaps a cause: most of what a service
 * throws by accident. No mapper finds a mark on such an error, so the forty places where they look are left out.
 */
export function isBareError(error: unknown): error is Error {
  try {
    if (Object.getPrototypeOf(error) !== Error.prototype) return false;
    // A loop that never runs costs a quarter of what a list of the keys costs.
    for (const _key in error as object) return false;
    // Those that a loop does not see: no library hides its mark, save that some hide a code or a name.
    return !('code' in (error as object)) && (error as Error).name === 'Error';
  } catch {
    // A proxy with traps that throw.
    return false;
  }
}
