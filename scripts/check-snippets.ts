import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Compiles every TypeScript block of the READMEs and guides as a module of its own.
 * A block marked ```ts no-check is left out; blocks that continue an earlier one of their file say ```ts continue.
 */
const root = process.cwd();
// Inside the package, so that what the text imports is found as it would be there.
const documents = globSync(['README*.md', 'packages/*/README.md', 'docs/**/*.md', 'examples/**/README.md'], {
  exclude: (path) => path.includes('node_modules'),
}).sort();

interface Snippet {
  document: string;
  line: number;
  file: string;
}

const snippets: Snippet[] = [];
const folder = join(root, 'tests/snippets/generated');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

for (const document of documents) {
  let previous = '';
  for (const [index, { info, code, line }] of [...blocksOf(readFileSync(document, 'utf8'))].entries()) {
    if (info.includes('no-check')) continue;
    const text = info.includes('continue') ? `${previous}\n${code}` : code;
    previous = text;
    const file = `${document.replace(/[^a-z0-9]+/gi, '-')}-${index}.ts`;
    // `export {}` makes a module of a block that imports nothing.
    writeFileSync(join(folder, file), `${text}\nexport {};\n`);
    snippets.push({ document, line, file });
  }
}

const { stdout, stderr, status } = spawnSync(
  process.execPath,
  ['node_modules/typescript-7/bin/tsc', '-p', 'tests/snippets/tsconfig.json', '--pretty', 'false'],
  { encoding: 'utf8' },
);
process.stdout.write(withDocumentNames(stdout + stderr));
process.stdout.write(`${snippets.length} snippets in ${documents.length} documents\n`);
if (status === 0) rmSync(folder, { recursive: true, force: true });
process.exitCode = status === 0 ? 0 : 1;

function* blocksOf(markdown: string): Generator<{ info: string; code: string; line: number }> {
  const fence = /^```(?:ts|typescript)\b([^\n]*)\n([\s\S]*?)^```/gm;
  for (const match of markdown.matchAll(fence)) {
    yield { info: match[1]!, code: match[2]!, line: markdown.slice(0, match.index).split('\n').length };
  }
}

function withDocumentNames(output: string): string {
  return snippets.reduce(
    (text, { file, document, line }) =>
      text.replaceAll(`tests/snippets/generated/${file}`, `${document} (block at line ${line}) `),
    output,
  );
}
