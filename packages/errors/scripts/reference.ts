import { readFileSync, writeFileSync } from 'node:fs';
import { commonErrors, errorsToMarkdown, errorsToOpenApi } from '../src/index.ts';

const docs = new URL('../../../docs/', import.meta.url);

const introduction = `# Error codes

Every error response is \`application/problem+json\` (RFC 9457) with the \`code\` of this table. Where message and details
are not shown, \`detail\` is the title and the cause is in the log under the same trace id.

Generated from \`commonErrors\` of \`@kit/errors\` by \`pnpm --filter @kit/errors reference\`; a service generates its own with
\`errorsToMarkdown(catalogue)\`.
`;

/** The generated files, and what has to be in them. */
export const references: readonly { readonly file: URL; readonly content: string }[] = [
  { file: new URL('errors.md', docs), content: `${introduction}\n${errorsToMarkdown(commonErrors)}` },
  {
    file: new URL('openapi-errors.json', docs),
    content: `${JSON.stringify(errorsToOpenApi(commonErrors), null, 2)}\n`,
  },
];

/** The text of a generated file as it is now, empty when there is none. */
export function currentText(file: URL): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

if (process.argv[1] === import.meta.filename) {
  for (const { file, content } of references) writeFileSync(file, content);
}
