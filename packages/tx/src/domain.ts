import { currentContext } from './context.js';
import { sameFile } from './engine-sqlite.js';
import type { Engine } from './engine.js';
import { DomainViolationError } from './errors.js';
import type { Connection, KnexClient } from './knex-port.js';
import type { DomainOptions } from './options.js';

/** Keeps a manager's connections inside its domain's databases, and its scopes apart from other domains'. */
export interface DomainGuard {
  /** @throws DomainViolationError in strict mode, for a connection that leads elsewhere. */
  checkConnection(client: KnexClient, connection: Connection): Promise<void>;
  /** @throws DomainViolationError in strict mode, inside a scope of another domain. */
  checkEntry(manager: string): void;
}

export function createDomainGuard(
  engine: Engine,
  domain: DomainOptions | undefined,
): DomainGuard | undefined {
  if (domain === undefined) return undefined;
  const known = new WeakMap<Connection, DomainViolationError | true>();
  const report = (error: DomainViolationError) => {
    if ((domain.mode ?? defaultMode()) === 'strict') throw error;
    process.emitWarning(error.message, { code: error.code });
  };
  return {
    async checkConnection(client, connection) {
      const verdict = known.get(connection);
      if (verdict === true) return;
      if (verdict !== undefined) throw verdict;
      const identity = await engine.identify(client, connection);
      if (domain.allow.some((entry) => fits(engine, entry, identity))) {
        known.set(connection, true);
        return;
      }
      const error = new DomainViolationError(
        `Domain "${domain.name}" does not include database ${JSON.stringify(identity.database)}${
          identity.hosts[0] === undefined ? '' : ` on ${identity.hosts[0]}`
        }; allow it or correct the connection`,
      );
      known.set(connection, error);
      report(error);
      // Reached in warn mode only: one warning a connection is enough.
      known.set(connection, true);
    },
    checkEntry(manager) {
      for (let frame = currentContext().frame; frame !== undefined; frame = frame.parent)
        if (frame.kind !== 'none' && frame.domain !== undefined && frame.domain !== domain.name)
          return report(
            new DomainViolationError(
              `Manager "${manager}" of domain "${domain.name}" was entered inside a scope of domain "${frame.domain}"; a transaction cannot span both, use a saga or the outbox`,
            ),
          );
    },
  };
}

function defaultMode(): 'strict' | 'warn' {
  return ['1', 'true', 'yes', 'on'].includes((process.env.STRICT_DOMAIN_GUARD ?? '').toLowerCase())
    ? 'strict'
    : 'warn';
}

function fits(
  engine: Engine,
  entry: { host?: string | undefined; database: string },
  identity: { database: string; hosts: string[] },
): boolean {
  if (engine.kind === 'sqlite') return sameFile(entry.database, identity.database);
  if (entry.database !== identity.database) return false;
  const wanted = entry.host;
  return wanted === undefined || identity.hosts.some((host) => plainHost(host) === plainHost(wanted));
}

/** Loopback has many names; an IPv4 peer of a dual-stack socket is written as IPv6. */
function plainHost(host: string): string {
  const plain = host.toLowerCase().replace(/^::ffff:/, '');
  return ['localhost', '::1', '127.0.0.1'].includes(plain) ? 'loopback' : plain;
}
