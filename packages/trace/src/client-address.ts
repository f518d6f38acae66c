import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/**
 * @internal The client's address: the direct peer, or, where that is a trusted proxy, the nearest address of
 * `X-Forwarded-For` that is none. What stands further left can be made up by anyone.
 */
export function clientOf(
  request: IncomingMessage,
  isProxy: (address: string | undefined) => boolean,
): string | undefined {
  const peer = plain(request.socket?.remoteAddress);
  if (!isProxy(peer)) return peer;
  const forwarded = String(request.headers['x-forwarded-for'] ?? '').split(',');
  let nearest = peer;
  for (const hop of forwarded.reverse()) {
    const address = plain(hop.trim());
    if (isIP(address ?? '') === 0) return nearest;
    nearest = address;
    if (!isProxy(address)) return nearest;
  }
  return nearest;
}

function plain(address: string | undefined): string | undefined {
  return address?.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
