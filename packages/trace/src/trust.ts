import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { show, stringList } from './check.js';
import { answerOf } from './user-callback.js';

/** Whose inbound ids become ours: nobody's, everybody's, those of direct peers in these ranges, or a predicate's choice. */
export type TrustInbound<Req = IncomingMessage> = boolean | readonly string[] | ((request: Req) => boolean);

/** @internal A predicate over the framework's request and the raw one, whose direct peer a range is about. */
export function compileTrust<Req>(trust: TrustInbound<Req>): (request: Req, raw: IncomingMessage) => boolean {
  if (typeof trust === 'boolean') return () => trust;
  if (typeof trust === 'function')
    // Strictly: a predicate that fails, or answers with a promise, has not vouched for anyone.
    return (request) => answerOf(trust, request) === true;
  const isListed = compileRanges('trustInbound', trust);
  return (_, raw) => isListed(raw.socket?.remoteAddress);
}

/** @internal Whether an address lies in one of these IP addresses or CIDR ranges. */
export function compileRanges(
  name: string,
  ranges: readonly string[],
): (address: string | undefined) => boolean {
  if (!Array.isArray(ranges))
    throw new TypeError(
      `${name} must be a boolean, a list of CIDR ranges or a function, got ${show(ranges)}`,
    );
  const list = new BlockList();
  for (const range of stringList(name, ranges)) addRange(list, name, range);
  return (address) => {
    const plain = address?.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
    const version = isIP(plain ?? '');
    return version !== 0 && list.check(plain!, version === 4 ? 'ipv4' : 'ipv6');
  };
}

function addRange(list: BlockList, name: string, range: string): void {
  const [address = '', bits, ...rest] = range.split('/');
  const version = isIP(address);
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const longest = version === 4 ? 32 : 128;
  const prefix = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  if (version === 0 || rest.length > 0 || prefix < 0 || prefix > longest)
    throw new RangeError(`${name} must hold IP addresses or CIDR ranges, got ${show(range)}`);
  list.addSubnet(address, prefix, family);
}
