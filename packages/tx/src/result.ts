/** How a scope's function ended; anything can be thrown, `undefined` too. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown };
