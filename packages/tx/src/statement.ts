/** How the text of a dialect differs where statements are told apart. */
export interface TextRules {
  /** PostgreSQL's `$tag$ … $tag$`. */
  dollarQuotes?: boolean;
  /** MySQL runs what stands in comments that begin with an exclamation mark, and escapes quotes by a backslash. */
  executableComments?: boolean;
}

export interface LeadingWords {
  /** The first words, lower case; none where there is only a comment. */
  words: string[];
  text: string;
}

/**
 * The first two words of each statement in `sql`. Strings, quoted names and comments are skipped, so that a
 * `;` or a COMMIT inside them does not count.
 */
export function leadingWords(sql: string, rules: TextRules): LeadingWords[] {
  return split(sql, rules).map((text) => ({
    words: (text.match(/[a-z_]+/gi) ?? []).slice(0, 2).map(lower),
    text,
  }));
}

/** Whether a statement in `sql` changes rows or tables, as far as its text tells: a function that writes is not seen. */
export function mayWrite(sql: string, rules: TextRules): boolean {
  return leadingWords(sql, rules).some(({ words: [first], text }) =>
    first === 'with' ? writeInside.test(text) : writeWords.has(first ?? ''),
  );
}

const writeWords = new Set(
  (
    'insert update delete replace merge upsert truncate create alter drop rename comment grant revoke ' +
    'copy load vacuum reindex cluster refresh reassign'
  ).split(' '),
);

/** In `WITH … AS (INSERT …)`, `WITH … DELETE FROM`; not in `FOR UPDATE`. */
const writeInside =
  /\b(insert\s+into|replace\s+into|merge\s+into|delete\s+from)\b|(?<!\bfor\s+(no\s+key\s+)?)\bupdate\b/i;

const lower = (word: string) => word.toLowerCase();

function split(sql: string, rules: TextRules): string[] {
  const statements: string[] = [];
  let current = '';
  for (let at = 0; at < sql.length;) {
    const skipped = skipToken(sql, at, rules);
    if (skipped !== undefined) {
      current += skipped.as;
      at = skipped.to;
    } else if (sql[at] === ';') {
      statements.push(current);
      current = '';
      at += 1;
    } else {
      current += sql[at];
      at += 1;
    }
  }
  statements.push(current);
  return statements;
}

/** Where the string, name or comment that begins at `at` ends, and what stands in for it. */
function skipToken(sql: string, at: number, rules: TextRules): { to: number; as: string } | undefined {
  const two = sql.slice(at, at + 2);
  if (two === '--' || (rules.executableComments === true && sql[at] === '#'))
    return { to: endAfter(sql, '\n', at), as: ' ' };
  if (two === '/*') {
    const executable = rules.executableComments === true ? /^\/\*M?!\d*/.exec(sql.slice(at, at + 12)) : null;
    return executable
      ? { to: at + executable[0].length, as: ' ' }
      : { to: endOfComment(sql, at, rules.dollarQuotes === true), as: ' ' };
  }
  const quote = sql[at];
  if (quote === "'" || quote === '"' || quote === '`')
    return { to: endOfQuote(sql, at, quote, rules), as: ' 0 ' };
  if (quote === '$' && rules.dollarQuotes === true) {
    const tag = /^\$[A-Za-z_]*\$/.exec(sql.slice(at, at + 66))?.[0];
    if (tag !== undefined) return { to: endAfter(sql, tag, at + tag.length), as: ' 0 ' };
  }
  return undefined;
}

function endAfter(sql: string, mark: string, from: number): number {
  const end = sql.indexOf(mark, from);
  return end === -1 ? sql.length : end + mark.length;
}

/** Block comments nest in PostgreSQL, and nowhere else. */
function endOfComment(sql: string, at: number, nests: boolean): number {
  let depth = 1;
  for (let index = at + 2; index < sql.length; index += 1) {
    const two = sql.slice(index, index + 2);
    if (two !== '*/' && !(nests && two === '/*')) continue;
    depth += two === '*/' ? -1 : 1;
    if (depth === 0) return index + 2;
    index += 1;
  }
  return sql.length;
}

function endOfQuote(sql: string, at: number, quote: string, rules: TextRules): number {
  // PostgreSQL has backslash escapes in E'…' strings only; the last letter of date'…' makes none.
  const backslash =
    quote !== '`' &&
    (rules.executableComments === true ||
      (rules.dollarQuotes === true && /(?<![\w$])e$/i.test(sql.slice(Math.max(0, at - 2), at))));
  for (let index = at + 1; index < sql.length; index += 1) {
    if (backslash && sql[index] === '\\') index += 1;
    else if (sql[index] === quote) {
      if (sql[index + 1] !== quote) return index + 1;
      index += 1;
    }
  }
  return sql.length;
}
