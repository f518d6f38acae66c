import { destination } from 'pino';
import { show } from './check.js';
import { prettyLine } from './pretty.js';

export type ConsoleMode = 'auto' | 'json' | 'pretty' | false;

/** @internal A writer of lines to standard output, or undefined for none. */
export function createConsole(mode: ConsoleMode): ((line: string) => void) | undefined {
  switch (mode) {
    case false:
      return undefined;
    case 'json':
      return writeStdout;
    case 'pretty':
      return (line) => writeStdout(prettyLine(line));
    case 'auto':
      return createConsole(process.stdout.isTTY && process.env.NODE_ENV !== 'production' ? 'pretty' : 'json');
    default:
      throw new RangeError(`console must be auto, json, pretty or false, got ${show(mode)}`);
  }
}

let stdout: ReturnType<typeof destination> | undefined;

// Synchronous, as pino's own default is: what was logged is with the kernel when the call returns.
function writeStdout(text: string): void {
  // Test runners and CLIs replace `process.stdout.write` to see what is printed.
  if (process.stdout.write !== Object.getPrototypeOf(process.stdout).write) {
    process.stdout.write(text);
    return;
  }
  stdout ??= openStdout();
  stdout.write(text);
}

function openStdout(): ReturnType<typeof destination> {
  const opened = destination({ dest: 1, sync: true });
  // A closed or full standard output is no reason to end a service.
  opened.on('error', () => {});
  return opened;
}
