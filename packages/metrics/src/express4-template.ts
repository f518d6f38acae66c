const indexed = new WeakMap<RegExp, RegExp>();

/**
 * The pattern of an express 4 mount, from the expression it was compiled to: what its groups matched are the
 * parameters, what lies between them stands in the expression itself. Where it does not (`/^\/v\d+/`), the expression
 * is the pattern: a piece of a real path must not become a label.
 */
export function templateOf(expression: RegExp, keys: readonly unknown[], path: string): string {
  const found = withIndices(expression).exec(path);
  if (!found?.indices) return String(expression);
  const text = expression.source.replaceAll('\\', '');
  let template = '';
  let at = found.index;
  for (const [i, key] of keys.entries()) {
    const range = found.indices[i + 1];
    // An optional parameter that is not there, or a group within a group.
    if (!range || range[0] < at) continue;
    const between = literal(text, path.slice(at, range[0]));
    if (between === undefined) return String(expression);
    template += `${between}:${String((key as { name?: unknown }).name)}`;
    at = range[1];
  }
  const rest = literal(text, path.slice(at, found.index + found[0].length));
  return rest === undefined ? String(expression) : (template + rest).replace(/\/+$/, '');
}

function withIndices(expression: RegExp): RegExp {
  const known = indexed.get(expression);
  if (known) return known;
  // Neither sticky nor global: those begin where the last match ended.
  const made = new RegExp(expression.source, `${expression.flags.replaceAll(/[dgy]/g, '')}d`);
  indexed.set(expression, made);
  return made;
}

/** The piece as the expression spells it, since a request may spell it in any case; undefined when it is not in there. */
function literal(text: string, piece: string): string | undefined {
  const lower = text.toLowerCase();
  const parts: string[] = [];
  for (const part of piece.split('/')) {
    const at = lower.indexOf(part.toLowerCase());
    if (at === -1) return undefined;
    parts.push(text.slice(at, at + part.length));
  }
  return parts.join('/');
}
