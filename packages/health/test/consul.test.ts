import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerService } from '../src/consul.js';
import { createHealth, HealthError, isHealthError } from '../src/index.js';

/** The two routes of a Consul agent's HTTP API that are used, with its catalogue. */
async function startAgent() {
  const services = new Map<string, Record<string, unknown>>();
  const tokens: unknown[] = [];
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const chunk of req) body += String(chunk);
    tokens.push(req.headers['x-consul-token']);
    const gone = /^\/v1\/agent\/service\/deregister\/(.+)$/.exec(req.url ?? '')?.[1];
    if (req.method === 'PUT' && req.url === '/v1/agent/service/register') {
      const service = JSON.parse(body) as Record<string, unknown>;
      if (service.Name === 'forbidden') return void res.writeHead(403).end('Permission denied');
      services.set(service.ID as string, service);
      return void res.end();
    }
    if (req.method === 'PUT' && gone) {
      const isKnown = services.delete(decodeURIComponent(gone));
      return void res.writeHead(isKnown ? 200 : 404).end();
    }
    return void res.writeHead(405).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, services, tokens, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe('registerService', () => {
  let agent: {
    server: Server;
    services: Map<string, Record<string, unknown>>;
    tokens: unknown[];
    url: string;
  };
  beforeEach(async () => {
    agent = await startAgent();
  });
  afterEach(() => {
    agent.server.closeAllConnections();
    agent.server.close();
  });
  const options = () => ({
    health: createHealth({ basePath: '/status' }),
    name: 'payment-service',
    address: '10.0.0.7',
    port: 3000,
    agentUrl: agent.url,
  });

  it('registers the service with its readiness as the check, and takes it out again', async () => {
    const service = await registerService({ ...options(), tags: ['v2'], token: 'secret' });
    expect(service.id).toBe('payment-service-10.0.0.7-3000');
    expect(agent.services.get(service.id)).toEqual({
      ID: service.id,
      Name: 'payment-service',
      Address: '10.0.0.7',
      Port: 3000,
      Tags: ['v2'],
      Check: {
        Name: 'payment-service readiness',
        HTTP: 'http://10.0.0.7:3000/status/ready',
        Method: 'GET',
        Interval: '10000ms',
        Timeout: '5000ms',
        DeregisterCriticalServiceAfter: '600000ms',
      },
    });
    expect(agent.tokens).toEqual(['secret']);
    await service.deregister();
    expect(agent.services.size).toBe(0);
  });

  it('takes an id of any characters and an IPv6 address', async () => {
    const service = await registerService({ ...options(), id: 'pay/1 ä', address: 'fd00::7' });
    expect(agent.services.get('pay/1 ä')).toMatchObject({
      Check: { HTTP: 'http://[fd00::7]:3000/status/ready' },
    });
    await service[Symbol.asyncDispose]();
    expect(agent.services.size).toBe(0);
  });

  it('keeps the path of an agent behind a proxy', async () => {
    const paths: (string | undefined)[] = [];
    const proxy = createServer((req, res) => {
      paths.push(req.url);
      res.end();
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo;
    const service = await registerService({ ...options(), agentUrl: `http://127.0.0.1:${port}/consul/` });
    await service.deregister();
    proxy.closeAllConnections();
    proxy.close();
    expect(paths).toEqual([
      '/consul/v1/agent/service/register',
      '/consul/v1/agent/service/deregister/payment-service-10.0.0.7-3000',
    ]);
  });

  it('is content when the service is out of the catalogue already', async () => {
    const service = await registerService(options());
    await service.deregister();
    await service[Symbol.asyncDispose]();
    expect(agent.services.size).toBe(0);
  });

  it('shows a token it cannot send to nobody', async () => {
    for (const token of ['s3cr3t\n', 's3cr3t-ü', 's3cr3t x', '', null, 7]) {
      const error = (await registerService({ ...options(), token: token as string }).catch(
        (error: unknown) => error,
      )) as Error;
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toContain('token must be printable ASCII');
      expect(String(error.stack) + String(error.cause)).not.toContain('s3cr3t');
    }
  });

  it('rejects with KIT_HEALTH_CONSUL when the agent refuses or is not there', async () => {
    const refused = await registerService({ ...options(), name: 'forbidden' }).catch(
      (error: unknown) => error,
    );
    expect(isHealthError(refused)).toBe(true);
    expect(refused).toMatchObject({ code: 'KIT_HEALTH_CONSUL', name: 'HealthError' });
    expect((refused as Error).message).toContain('answered 403');
    const away = await registerService({ ...options(), agentUrl: 'http://127.0.0.1:1' }).catch(
      (error: unknown) => error,
    );
    expect(away).toMatchObject({ code: 'KIT_HEALTH_CONSUL', cause: expect.anything() });
  });

  it.each([
    [{ name: '' }, 'name must be a non-empty string'],
    [{ address: '' }, 'address must be a non-empty string'],
    [{ port: 0 }, 'port must be an integer >= 1 and <= 65535, got 0'],
    [{ port: 80.5 }, 'port must be an integer'],
    [{ id: '' }, 'id must be a non-empty string'],
    [{ intervalMs: 10 }, 'intervalMs must be >= 1000'],
    [{ timeoutMs: 0 }, 'timeoutMs must be > 0'],
    [{ deregisterAfterMs: 1_000 }, 'deregisterAfterMs must be >= 60000'],
    [{ agentUrl: 'consul:8500' }, 'agentUrl must be an absolute http or https URL'],
    [
      { agentUrl: 'http://127.0.0.1:8500/?dc=a' },
      'agentUrl must be an absolute http or https URL without a query',
    ],
    [{ agentUrl: 'http://u:pw@127.0.0.1:8500' }, 'agentUrl must not hold a user or password'],
    [{ health: undefined }, 'health.report must be a function, got undefined'],
    [
      { address: 'http://10.0.0.7' },
      'address must be a host name or an IP address without a port, got "http://',
    ],
    [{ address: '10.0.0.7:3000' }, 'address must be a host name or an IP address without a port'],
    [{ address: '[fd00::7]' }, 'address must be a host name or an IP address without a port'],
    [{ id: '..' }, 'id must not be "." or "..", got ".."'],
    [{ tags: 'v2' }, 'tags must be an array of strings, got "v2"'],
    [{ tags: ['v2', 7] }, 'tags[1] must be a non-empty string, got 7'],
    [{ intervalMs: 1e21 }, 'intervalMs must be >= 1000 and <= 86400000, got 1e+21'],
    [{ deregisterAfterMs: Infinity }, 'deregisterAfterMs must be >= 60000 and <= 2592000000, got Infinity'],
  ])('rejects %o', async (wrong, message) => {
    await expect(registerService({ ...options(), ...(wrong as object) })).rejects.toThrow(message);
  });
});

describe('isHealthError', () => {
  it('knows its errors by their brand, not by their class', () => {
    const foreign = Object.assign(new Error('x'), { [Symbol.for('@kit/health/error')]: true });
    expect(isHealthError(new HealthError('KIT_HEALTH_CONSUL', 'x'))).toBe(true);
    expect(isHealthError(foreign)).toBe(true);
    for (const other of [new Error('x'), null, undefined, 'KIT_HEALTH_CONSUL', { code: 'KIT_HEALTH_CONSUL' }])
      expect(isHealthError(other)).toBe(false);
  });
});
