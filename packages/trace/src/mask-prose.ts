// What people write after "token:" when they do not mean its value. None of these is a secret worth the name.
const statusWords = new Set(
  (
    'absent accepted already are ambiguous array boolean can cannot changed contains could created deleted denied did ' +
    'disabled does doesn duplicate empty enabled error exceeds expected expired expires failed failure field forbidden ' +
    'has incorrect input insufficient invalid is issued length malformed mandatory may mismatch missing must mustn no ' +
    'none not number object ok optional provided received refused rejected required reset revoked rotated should ' +
    'shouldn string too unauthorized unavailable undefined unexpected unknown unset unsupported unused updated ' +
    'verification verified was wrong'
  ).split(' '),
);
// A key that is the name of an error class ends like one: `TokenExpiredError: jwt expired`.
const errorName = /(?:Error|Exception)["']?\s{0,3}:\s{1,3}$/;
// `key: value` with a space is how sentences look; `key=value` and `key:value` is how data does.
const sentenceColon = /:\s{1,3}$/;
const firstWord = /^[A-Za-z]+(?=$|[^\w-])/;
const literal = /^(?:null|undefined|true|false)[)\]}]*$/;

/** @internal Whether what stands beside a secret-looking key is the rest of a sentence, or says that there is no value. */
export function isProse(leftSide: string, value: string): boolean {
  if (literal.test(value)) return true;
  if (!sentenceColon.test(leftSide)) return false;
  if (errorName.test(leftSide)) return true;
  // `Unexpected token: }`
  if (!/\w|[^\0-\x7f]/.test(value)) return true;
  const word = firstWord.exec(value)?.[0];
  // `expired`, `expired.`, and `must be …`; not `expired!x7`, which may be somebody's password.
  return (
    word !== undefined &&
    statusWords.has(word.toLowerCase()) &&
    /^[.,:;!?)\]}]*(?:\s|$)/.test(value.slice(word.length))
  );
}
