import type { AnyCatalogue, ResolvedDefinition } from './catalogue.js';
import { jsonSchemaOf } from './details-schema.js';

/**
 * A catalogue as a Markdown table for people who consume the API, sorted by code.
 *
 * @example
 * ```ts
 * import { commonErrors, errorsToMarkdown } from '@kit/errors';
 *
 * console.log(errorsToMarkdown(commonErrors));
 * ```
 */
export function errorsToMarkdown(catalogue: AnyCatalogue): string {
  const rows = Object.keys(catalogue)
    .toSorted()
    .map((code) => row(catalogue[code]!.definition));
  return `${header}\n${rows.join('\n')}\n`;
}

const header = [
  '| Code | Status | Title | gRPC | Retryable | Message and details shown | Details |',
  '| --- | --- | --- | --- | --- | --- | --- |',
].join('\n');

function row({ code, status, title, grpc, retryable, expose, details }: ResolvedDefinition): string {
  const cells = [
    `\`${code}\``,
    String(status),
    title,
    `\`${grpc}\``,
    yesNo(retryable),
    yesNo(expose),
    fieldsOf(details),
  ];
  return `| ${cells.map(escapeCell).join(' | ')} |`;
}

function fieldsOf(details: ResolvedDefinition['details']): string {
  const { properties } = (details && jsonSchemaOf(details)) ?? {};
  if (typeof properties !== 'object' || properties === null) return details ? 'an object' : '–';
  return Object.keys(properties)
    .map((name) => `\`${name}\``)
    .join(', ');
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}

function escapeCell(text: string): string {
  return text.replaceAll('|', String.raw`\|`).replaceAll(/\s+/g, ' ');
}
