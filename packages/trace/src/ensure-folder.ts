import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * @internal Makes a folder and those above it. Not `mkdirSync(…, { recursive: true })`: where the file system says ENOENT for
 * a folder whose parent exists, as /proc does, Node 20 to 26 never return from it.
 */
export function ensureFolder(path: string): void {
  if (isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) ensureFolder(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process was faster.
    if (!isFolder(path)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
