/** @internal One line on stderr: what the service is not told by an exception, an operator must see. */
export function complain(message: string): void {
  try {
    process.stderr.write(`@kit/trace: ${message}\n`);
  } catch {
    // Nobody left to tell.
  }
}
