import { type HttpNaming, kitNaming } from '../http-naming.js';

/** Rewrites an expression in kit's own names into the names a service uses. */
export type Translate = (expression: string) => string;

/** A metric's name in an expression; recording rules have colons and are left alone. */
const METRIC = /(?<![:\w])(?:http|kit|business|process|nodejs)_[a-z0-9_]+(?![:\w])/g;

export function createTranslator(prefix: string, naming: HttpNaming): Translate {
  const renamed = (name: string): string => {
    if (name === kitNaming.requests) return naming.requests ?? `${naming.duration}_count`;
    for (const key of ['duration', 'responseSize', 'inFlight'] as const) {
      if (name.startsWith(kitNaming[key])) return naming[key] + name.slice(kitNaming[key].length);
    }
    return name;
  };
  return (expression) => {
    const named = expression.replace(METRIC, (name) => prefix + renamed(name));
    if (naming.labels === kitNaming.labels) return named;
    return named
      .replace(/\bstatus_code\b/g, naming.labels.status)
      .replace(/(?<![\w:])route(?!\w)/g, naming.labels.route)
      .replace(/(?<![\w:])method(?!\w)/g, naming.labels.method);
  };
}
