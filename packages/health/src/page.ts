import type { HealthBody } from './exposure.js';

/** A page for a person's browser: no script, no request to anywhere. @internal */
export function healthPage(body: HealthBody): string {
  const rows = body.checks.map(
    ({ name, status, message, duration, metadata }) =>
      `<tr class="${status}"><th scope="row">${escape(name)}</th><td>${status}</td><td>${escape(message ?? '')}</td>` +
      `<td>${escape(duration ?? '')}</td><td>${metadata ? `<code>${escape(JSON.stringify(metadata))}</code>` : ''}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${body.status}</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1c1e21;background:#fff}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .8rem;border-bottom:1px solid #ddd;vertical-align:top}
code{font-size:.85em;overflow-wrap:anywhere}
.healthy td:nth-child(2),h1.healthy{color:#116329}.degraded td:nth-child(2),h1.degraded{color:#7d4e00}.unhealthy td:nth-child(2),h1.unhealthy{color:#a40e26}
</style></head><body>
<h1 class="${body.status}">${body.status}</h1>
<p>${escape(body.timestamp)}, gathered in ${escape(body.duration)}</p>
<table><thead><tr><th scope="col">check</th><th scope="col">status</th><th scope="col">message</th><th scope="col">duration</th><th scope="col">metadata</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table>
</body></html>
`;
}

/** Whether an Accept header names HTML, and not JSON rather (RFC 9110 §12.5.1). @internal */
export function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined || !accept.includes('text/html')) return false;
  const html = qualityOf(accept, 'text/html');
  return html > 0 && html >= qualityOf(accept, 'application/json');
}

function qualityOf(accept: string, type: string): number {
  for (const range of accept.slice(0, 1_000).split(',')) {
    const [name, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    if (name !== type) continue;
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    return quality === undefined ? 1 : Number(quality.slice(2)) || 0;
  }
  return 0;
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escape = (text: string) => text.replace(/[&<>"']/g, (character) => entities[character]!);
