// Prefix ranges and lengths by ISO/IEC 7812 issuer: [from, to, lengths], prefixes compared over the digits of `from`.
const issuers: ReadonlyArray<readonly [from: number, to: number, lengths: readonly number[]]> = [
  [4, 4, [13, 16, 19]], // Visa
  [51, 55, [16]], // Mastercard
  [2221, 2720, [16]], // Mastercard
  [34, 34, [15]], // American Express
  [37, 37, [15]], // American Express
  [6011, 6011, [16, 17, 18, 19]], // Discover
  [644, 649, [16, 17, 18, 19]], // Discover
  [65, 65, [16, 17, 18, 19]], // Discover
  [3528, 3589, [16, 17, 18, 19]], // JCB
  [300, 305, [14, 16, 17, 18, 19]], // Diners Club
  [36, 36, [14, 15, 16, 17, 18, 19]], // Diners Club
  [38, 39, [14, 16, 17, 18, 19]], // Diners Club
  [62, 62, [16, 17, 18, 19]], // UnionPay
  [2200, 2204, [16, 17, 18, 19]], // Mir
  [5018, 5018, [13, 14, 15, 16, 17, 18, 19]], // Maestro
  [5020, 5020, [13, 14, 15, 16, 17, 18, 19]], // Maestro
  [5038, 5038, [13, 14, 15, 16, 17, 18, 19]], // Maestro
  [6304, 6304, [13, 14, 15, 16, 17, 18, 19]], // Maestro
  [6759, 6763, [13, 14, 15, 16, 17, 18, 19]], // Maestro
];

// Digit groups with single spaces or hyphens between them; not a part of a word or of a fraction.
const runs = /(?<![A-Za-z0-9]|\d\.)\d(?:[ -]?\d)*/g;

/** @internal Replaces every card number in a text by stars and its last four digits. */
export function maskCardNumbers(text: string): string {
  return text.replace(runs, (run, offset: number) => {
    if (run.length < 13) return run;
    const isPartOfWord = /[A-Za-z]/.test(text.charAt(offset + run.length));
    return maskInRun(run, isPartOfWord);
  });
}

// `4111 1111 1111 1111 12/28`: the card is a part of the run, and starts and ends where a group does.
function maskInRun(run: string, lastIsPartOfWord: boolean): string {
  const parts = run.split(/([ -])/);
  const groups = lastIsPartOfWord ? parts.length - 2 : parts.length;
  for (let from = 0; from < groups; from += 2) {
    // Every issuer prints four digits first; skipping shorter groups keeps a list of small numbers cheap.
    const found = parts[from]!.length < 4 ? undefined : cardFrom(parts, from, groups);
    if (found === undefined) continue;
    parts[from] = maskDigits(found.digits);
    parts.fill('', from + 1, found.to + 1);
    from = found.to;
  }
  return parts.join('');
}

// The longest run of groups from here that is a card number.
function cardFrom(
  parts: readonly string[],
  from: number,
  end: number,
): { digits: string; to: number } | undefined {
  let digits = '';
  let found: { digits: string; to: number } | undefined;
  for (let to = from; to < end && digits.length < 19; to += 2) {
    digits += parts[to]!;
    if (isCardNumber(digits)) found = { digits, to };
  }
  return found;
}

/** @internal Luhn, issuer prefix and length must all fit: a bare Luhn check is true for one number in ten. */
export function isCardNumber(digits: string): boolean {
  return (
    digits.length >= 13 &&
    digits.length <= 19 &&
    /^\d+$/.test(digits) &&
    passesLuhn(digits) &&
    hasIssuer(digits)
  );
}

/** @internal */
export function maskDigits(digits: string): string {
  return '*'.repeat(digits.length - 4) + digits.slice(-4);
}

function hasIssuer(digits: string): boolean {
  return issuers.some(([from, to, lengths]) => {
    const prefix = Number(digits.slice(0, String(from).length));
    return prefix >= from && prefix <= to && lengths.includes(digits.length);
  });
}

// ISO/IEC 7812-1 annex B.
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
