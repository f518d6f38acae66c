import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import type { Table } from './define.ts';

export interface Measured {
  package: string;
  title: string;
  table: Table;
}

/** A table for the terminal and for Markdown alike. */
export function renderTable({ columns, rows, notes }: Table): string {
  const cells = [columns, ...rows.map((row) => row.map(String))];
  const widths = columns.map((_, column) =>
    Math.max(...cells.map((row) => Array.from(row[column] ?? '').length)),
  );
  const line = (row: string[]) => `| ${row.map((cell, column) => pad(cell, widths[column]!)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(cells[0]!), rule, ...cells.slice(1).map(line), ...(notes ? ['', notes] : [])].join('\n');
}

/** Rewrites the tables that were measured and leaves the others as they are. */
export function writeReport(file: string, measured: readonly Measured[]): void {
  const sections = existsSync(file) ? readSections(readFileSync(file, 'utf8')) : new Map<string, string>();
  const stamp = `Measured ${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${availableParallelism()} cores, ${cpus()[0]?.model.trim() ?? 'unknown CPU'}.`;
  for (const name of new Set(measured.map((one) => one.package))) {
    const tables = readTables(sections.get(name) ?? '');
    for (const one of measured) if (one.package === name) tables.set(one.title, renderTable(one.table));
    const shown = [...tables].map(([title, text]) => `### ${title}\n\n${text}\n`);
    sections.set(name, `${stamp} \`npm run bench -- --only ${name}\`\n\n${shown.join('\n')}`);
  }
  const body = [...sections]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, text]) => `## @kit/${name}\n\n${text.trim()}\n`)
    .join('\n');
  writeFileSync(file, `${preface}\n${body}`);
}

const preface = `# Benchmarks

Written by \`npm run bench\`; not edited by hand. Every table comes from one run in which the contenders took turns,
round after round; figures are medians, dates those of a package's latest table. The machine is shared and noisy, so read
the ratios, not the times.
`;

const readSections = (text: string) => readUnder('## @kit/', text);
const readTables = (section: string) => readUnder('### ', section);

/** What stands under each heading of a level, by its title. */
function readUnder(heading: string, text: string): Map<string, string> {
  return new Map(
    `\n${text}`
      .split(`\n${heading}`)
      .slice(1)
      .map((part) => {
        const end = part.indexOf('\n');
        return [part.slice(0, end).trim(), part.slice(end).trim()];
      }),
  );
}

const pad = (text: string, width: number) => text + ' '.repeat(width - Array.from(text).length);
