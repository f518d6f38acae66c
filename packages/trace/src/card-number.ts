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

// A run of digit groups with single spaces or hyphens between them; not a part of a word, a longer number or a fraction.
const candidates = /(?<![A-Za-z0-9]|\d\.)\d(?:[ -]?\d){12,60}(?![A-Za-z0-9])/g;

/** @internal Replaces every card number in a text by stars and its last four digits. */
export function maskCardNumbers(text: string): string {
  return text.replace(candidates, maskInRun);
}

// `4111 1111 1111 1111 12/28`: the card is a part of the run, and starts and ends where a group does.
function maskInRun(run: string): string {
  const parts = run.split(/([ -])/);
  for (let from = 0; from < parts.length; from += 2) {
    for (let to = parts.length; to > from; to -= 2) {
      const digits = parts.slice(from, to).join('').replace(/[ -]/g, '');
      if (!isCardNumber(digits)) continue;
      const before = parts.slice(0, from).join('');
      return before + maskDigits(digits) + maskCardNumbers(parts.slice(to).join(''));
    }
  }
  return run;
}

/** @internal Luhn, issuer prefix and length must all fit: a bare Luhn check is true for one number in ten. */
export function isCardNumber(digits: string): boolean {
  return /^\d{13,19}$/.test(digits) && hasIssuer(digits) && passesLuhn(digits);
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
