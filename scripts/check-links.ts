import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Every relative link of a document names a file or folder that is there, and every anchor a heading in it. */
const root = process.cwd();
const documents = globSync('**/*.md', {
  cwd: root,
  exclude: (path) => /(^|\/)(node_modules|dist|\.git|generated)(\/|$)/.test(path),
}).sort();

const broken: string[] = [];
let count = 0;
for (const document of documents) {
  const text = withoutCode(readFileSync(document, 'utf8'));
  for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z][a-z+.-]*:/i.test(target)) continue;
    count += 1;
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? document : relative(root, join(root, dirname(document), decodeURI(path)));
    if (!existsSync(file)) broken.push(`${document}: ${target}: there is no ${file}`);
    else if (anchor !== undefined && statSync(file).isFile() && !anchorsOf(file).has(anchor))
      broken.push(`${document}: ${target}: there is no such heading`);
  }
}

for (const line of broken) process.stderr.write(`${line}\n`);
process.stdout.write(`${count} relative links in ${documents.length} documents, ${broken.length} broken\n`);
process.exitCode = broken.length === 0 ? 0 : 1;

/** Headings as GitHub makes anchors of them. */
function anchorsOf(file: string): Set<string> {
  const headings = readFileSync(file, 'utf8').matchAll(/^#{1,6} +(.+)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  );
}

function withoutCode(text: string): string {
  return text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '');
}
