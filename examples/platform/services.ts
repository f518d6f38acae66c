import { resolve } from 'node:path';

/** What the platform runs, and where. */
export interface ServicePlan {
  name: string;
  folder: string;
  args: string[];
  env: Record<string, string>;
  ports: { name: string; variable: string; port: number; framework: string; does: string }[];
}

export interface PlatformPlan {
  host: string;
  dataDir: string;
  adminToken: string;
  services: ServicePlan[];
}

const defaults = {
  PAYMENT_PORT: 3000,
  ORDER_PORT: 3101,
  CHANNEL_PORT: 3102,
  RISK_PORT: 3103,
  USER_PORT: 3200,
};

/** @throws Error on a port that is none */
export function planPlatform(env: NodeJS.ProcessEnv, newToken: () => string): PlatformPlan {
  const host = env.HOST || '127.0.0.1';
  const dataDir = resolve(env.DATA_DIR || '.data');
  const adminToken = env.ADMIN_TOKEN || newToken();
  const port = (variable: keyof typeof defaults) => {
    const value = Number(env[variable] || defaults[variable]);
    if (Number.isInteger(value) && value > 0 && value < 65_536) return value;
    throw new Error(`${variable} must be a port from 1 to 65535, got ${env[variable]}`);
  };
  const url = (variable: keyof typeof defaults) => `http://${host}:${port(variable)}`;
  const shared = {
    HOST: host,
    DATA_DIR: dataDir,
    LOG_CONSOLE: env.LOG_CONSOLE || 'pretty',
    // Nobody balances load here: Ctrl-C should not take five seconds.
    SHUTDOWN_DELAY_MS: env.SHUTDOWN_DELAY_MS || '0',
  };

  return {
    host,
    dataDir,
    adminToken,
    services: [
      {
        name: 'partners',
        folder: 'examples/partners',
        args: [],
        env: {
          ...shared,
          ORDER_PORT: String(port('ORDER_PORT')),
          CHANNEL_PORT: String(port('CHANNEL_PORT')),
          RISK_PORT: String(port('RISK_PORT')),
        },
        ports: [
          partner('order-service', 'ORDER_PORT', port('ORDER_PORT'), 'takes and cancels orders'),
          partner('channel-adapter', 'CHANNEL_PORT', port('CHANNEL_PORT'), 'charges and refunds'),
          partner('risk-service', 'RISK_PORT', port('RISK_PORT'), 'approves or declines'),
        ],
      },
      {
        name: 'payment-service',
        folder: 'examples/payment-service',
        args: [],
        env: {
          ...shared,
          PAYMENT_PORT: String(port('PAYMENT_PORT')),
          ORDER_URL: env.ORDER_URL || url('ORDER_PORT'),
          CHANNEL_URL: env.CHANNEL_URL || url('CHANNEL_PORT'),
          RISK_URL: env.RISK_URL || url('RISK_PORT'),
          ADMIN_TOKEN: adminToken,
        },
        ports: [
          {
            name: 'payment-service',
            variable: 'PAYMENT_PORT',
            port: port('PAYMENT_PORT'),
            framework: 'Fastify',
            does: 'payments, refunds, settlements, ledger',
          },
        ],
      },
      {
        name: 'user-service',
        folder: 'examples/user-service',
        args: [],
        env: {
          ...shared,
          USER_PORT: String(port('USER_PORT')),
          READY_DELAY_MS: '0',
          ADMIN_TOKEN: adminToken,
        },
        ports: [
          {
            name: 'user-service',
            variable: 'USER_PORT',
            port: port('USER_PORT'),
            framework: 'NestJS',
            does: 'register, login, users, phone numbers',
          },
        ],
      },
    ],
  };
}

const partner = (name: string, variable: string, port: number, does: string) => ({
  name,
  variable,
  port,
  framework: 'Express',
  does,
});
