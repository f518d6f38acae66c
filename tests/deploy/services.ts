import { readConfig as readPartners } from '../../examples/partners/src/config.ts';
import { readConfig as readPayment } from '../../examples/payment-service/src/config.ts';
import { readConfig as readUser } from '../../examples/user-service/src/config.ts';

type Environment = Record<string, string>;

/** The services as their own configuration sees them, and how long each takes to look away before it stops listening. */
export const services: Record<
  string,
  {
    read: (env: Environment) => Record<string, unknown>;
    readyDelay: 'SHUTDOWN_DELAY_MS' | 'READY_DELAY_MS';
    ports: string[];
  }
> = {
  'payment-service': { read: readPayment, readyDelay: 'SHUTDOWN_DELAY_MS', ports: ['PAYMENT_PORT'] },
  'user-service': { read: readUser, readyDelay: 'READY_DELAY_MS', ports: ['USER_PORT'] },
  partners: {
    read: readPartners,
    readyDelay: 'SHUTDOWN_DELAY_MS',
    ports: ['ORDER_PORT', 'CHANNEL_PORT', 'RISK_PORT'],
  },
};

/** Names that a service does not read. Throws, as the service would, when a value is wrong. */
export function unreadNames(service: string, env: Environment): string[] {
  const config = services[service]!.read(env);
  return Object.keys(env).filter((name) => !(name in config));
}
