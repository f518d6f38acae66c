import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';

export interface Asset {
  readonly type: string;
  readonly etag: string;
  readonly body: Buffer;
}

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Beside this file in the sources; the build puts the folder beside the bundle. */
const folder = new URL('./page/', import.meta.url);

/** The files of the page as they are: browsers load them as modules, nothing is built. */
export function loadAssets(): ReadonlyMap<string, Asset> {
  const files = readdirSync(folder).filter((file) => extname(file) in types);
  return new Map(
    files.map((file) => {
      const body = readFileSync(new URL(file, folder));
      const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
      return [file, { type: types[extname(file)]!, etag, body }];
    }),
  );
}

/** An HTML file whose `{{name}}` are filled in, escaped. */
export function loadTemplate(file: string): (values: Readonly<Record<string, string>>) => string {
  const text = readFileSync(new URL(file, folder), 'utf8');
  return (values) => text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => escapeHtml(values[name] ?? ''));
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (character) => entities[character]!);
