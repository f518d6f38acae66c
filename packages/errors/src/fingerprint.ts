import { hash } from 'node:crypto';
import { type AppError, originOf } from './app-error.js';
import { messageOf, readString } from './read.js';

/**
 * What occurrences of one defect have in common, 16 hex digits: code, error name and the top three frames of the
 * application without line and column, so that an edit above does not make it a new defect. Without such frames the
 * message counts, with digits, UUIDs and hex normalised.
 */
export function fingerprintOf(error: AppError): string {
  const origin = originOf(error);
  const name = readString(origin, 'name') ?? typeof origin;
  const frames = inAppFrames(readString(origin, 'stack'));
  const place = frames.length > 0 ? frames.join('\n') : normalise(messageOf(origin).slice(0, maxMessage));
  return hash('sha256', `${error.code}\n${name.slice(0, 100)}\n${place}`).slice(0, 16);
}

const maxMessage = 512;
const maxStack = 8_192;
const framesThatCount = 3;

function inAppFrames(stack: string | undefined): string[] {
  const frames: string[] = [];
  for (const line of stack?.slice(0, maxStack).split('\n') ?? []) {
    const frame = framePattern.exec(line);
    if (!frame || foreignFrame.test(line)) continue;
    frames.push(`${frame[1] ?? ''}@${placeOf(frame[2]!)}`);
    if (frames.length === framesThatCount) break;
  }
  return frames;
}

// "at async Shop.pay (file:///srv/shop.js:10:5)" and "at /srv/main.js:1:2"
const framePattern =
  /^\s+at (?:async )?(?:(.*?) \()?((?:file:\/\/|\/|[A-Za-z]:[\\/]|webpack).*?):\d+(?::\d+)?\)?$/;
// The last two are how an error of a catalogue is made, not where.
const foreignFrame = /node:|[\\/]node_modules[\\/]|\bnew AppError\b|\braiseCatalogued\b/;

function placeOf(file: string): string {
  return file
    .replace(/^file:\/\//, '')
    .replace(/\?.*$/, '')
    .replace(cwd, '');
}

const cwd = process.cwd();

function normalise(message: string): string {
  return message
    .replaceAll(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/gi, '<uuid>')
    .replaceAll(/\b(?:0x[0-9a-f]+|(?=[a-f]*\d)[0-9a-f]{6,})\b/gi, '<hex>')
    .replaceAll(/\d+/g, '<n>');
}
