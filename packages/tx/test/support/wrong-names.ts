/** What no column for names can hold on every engine, and the rule that its refusal states. */
export const wrongNames: { name: string; value: unknown; rule: (longest: number) => string }[] = [
  { name: 'nothing', value: undefined, rule: sized('undefined') },
  { name: 'an empty text', value: '', rule: sized('""') },
  { name: 'a number', value: 7, rule: sized('7') },
  { name: 'a bigint', value: 7n, rule: sized('7') },
  { name: 'a symbol', value: Symbol('s'), rule: sized('Symbol(s)') },
  { name: 'an object that contains itself', value: cycle(), rule: sized('an object') },
  {
    name: 'a text that is too long',
    value: 'x'.repeat(256),
    rule: sized(`"${'x'.repeat(100)}…" (256 characters)`),
  },
  { name: 'a text with NUL', value: 'a\0b', rule: wellFormed(String.raw`"a\u0000b"`) },
  { name: 'half a surrogate pair', value: '\ud800', rule: wellFormed(String.raw`"\ud800"`) },
];

function sized(shown: string) {
  return (longest: number) => `a string of 1 to ${longest} characters, got ${shown}`;
}

function wellFormed(shown: string) {
  return () => `well-formed text without NUL, got ${shown}`;
}

function cycle(): object {
  const circle: { self?: object } = {};
  return Object.assign(circle, { self: circle });
}
