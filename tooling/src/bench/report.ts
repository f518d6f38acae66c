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

/** Rewrites the sections of the packages that were measured and leaves the others as they are. */
export function writeReport(file: string, measured: readonly Measured[]): void {
  const sections = existsSync(file) ? readSections(readFileSync(file, 'utf8')) : new Map<string, string>();
  const stamp = `Measured ${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${availableParallelism()} cores, ${cpus()[0]?.model.trim() ?? 'unknown CPU'}.`;
  for (const name of new Set(measured.map((one) => one.package))) {
    const tables = measured
      .filter((one) => one.package === name)
      .map(({ title, table }) => `### ${title}\n\n${renderTable(table)}\n`);
    sections.set(name, `${stamp} \`npm run bench -- --only ${name}\`\n\n${tables.join('\n')}`);
  }
  const body = [...sections]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, text]) => `## @kit/${name}\n\n${text.trim()}\n`)
    .join('\n');
  writeFileSync(file, `${preface}\n${body}`);
}

const preface = `# Benchmarks

Written by \`npm run bench\`; not edited by hand. Every table comes from one run in which the contenders took turns,
round after round; figures are medians. The machine is shared and noisy, so read the ratios, not the times.
`;

function readSections(text: string): Map<string, string> {
  return new Map(
    text
      .split(/^## @kit\//m)
      .slice(1)
      .map((section) => {
        const end = section.indexOf('\n');
        return [section.slice(0, end).trim(), section.slice(end).trim()];
      }),
  );
}

const pad = (text: string, width: number) => text + ' '.repeat(width - Array.from(text).length);
