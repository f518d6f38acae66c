import { show, stringList } from './check.js';

const pattern = /^(\*\.)?([a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:]+\])(?::(\d{1,5}))?$/;
const defaultPorts: Record<string, string> = { 'http:': '80', 'https:': '443' };

/** @internal Whether a URL's host is on a list of names, `*.` suffixes and ports. */
export function compileHosts(name: string, hosts: readonly string[] | undefined): (url: URL) => boolean {
  const rules = stringList(name, hosts).map((host) => compileHost(name, host));
  return (url) => rules.some((matches) => matches(url));
}

function compileHost(name: string, host: string): (url: URL) => boolean {
  const match = pattern.exec(host.toLowerCase());
  if (match === null)
    throw new RangeError(
      `${name} must hold hosts such as api.internal, *.internal or localhost:3001, got ${show(host)}`,
    );
  const [, wildcard, domain, port] = match;
  return ({ hostname, port: given, protocol }) => {
    if (port !== undefined && port !== (given || defaultPorts[protocol])) return false;
    return wildcard === undefined ? hostname === domain : hostname.endsWith(`.${domain}`);
  };
}
