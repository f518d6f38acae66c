import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasServer } from 'kit-tooling/servers';
import { afterAll, describe, expect, it } from 'vitest';
import { deploy, readYaml } from './documents.ts';

const compose = readYaml('compose.yaml');
const folder = mkdtempSync(join(tmpdir(), 'kit-deploy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const promtool = (...args: string[]) => execFileSync('promtool', args, { cwd: folder, encoding: 'utf8' });

/** The configuration as the container sees it, below a folder of the test's own. */
function asMounted(): string {
  mkdirSync(join(folder, 'rules'), { recursive: true });
  for (const volume of compose.services.prometheus.volumes as string[]) {
    const [source, target] = volume.split(':');
    if (source!.startsWith('.') && target!.startsWith('/etc/prometheus/rules/')) {
      cpSync(join(deploy, source!), target!.replace('/etc/prometheus', folder));
    }
  }
  writeFileSync(join(folder, 'admin_token'), 'x');
  const text = readFileSync(join(deploy, 'compose/prometheus.yml'), 'utf8');
  const file = join(folder, 'prometheus.yml');
  writeFileSync(
    file,
    text
      .replaceAll('/etc/prometheus', folder)
      .replaceAll('/run/secrets/admin_token', join(folder, 'admin_token')),
  );
  return file;
}

describe.runIf(hasServer('prometheus'))('Prometheus', () => {
  it('accepts its configuration with the rules that compose mounts', () => {
    expect(promtool('check', 'config', asMounted())).toMatch(/2 rule files found[^]*SUCCESS[^]*SUCCESS/);
  });

  it('accepts the rules', () => {
    const files = readdirSync(join(deploy, 'prometheus')).filter((file) => file.endsWith('.yml'));
    expect(files).toEqual(['kit-alerts.yml', 'kit-recording.yml']);
    const output = promtool('check', 'rules', ...files.map((file) => join(deploy, 'prometheus', file)));
    expect(output.match(/SUCCESS/g)).toHaveLength(2);
  });
});

describe('what watches the platform', () => {
  it('asks each service once, at an address of compose', () => {
    const { scrape_configs: jobs, alerting } = readYaml('compose/prometheus.yml');
    const targets: string[] = jobs.flatMap((job: any) => job.static_configs[0].targets);
    for (const name of ['payment-service', 'user-service', 'partners']) {
      expect(targets.filter((target) => target.startsWith(`${name}:`))).toHaveLength(1);
    }
    const [alertmanager] = alerting.alertmanagers[0].static_configs[0].targets;
    expect(Object.keys(compose.services)).toContain(alertmanager.split(':')[0]);
  });

  it('shows the metrics of payment-service to nobody without the admin token', () => {
    const { scrape_configs: jobs } = readYaml('compose/prometheus.yml');
    const job = jobs.find(({ job_name: name }: any) => name === 'payment-service');
    expect(job.authorization).toEqual({ type: 'Bearer', credentials_file: '/run/secrets/admin_token' });
    expect(compose.services.prometheus.secrets).toEqual(['admin_token']);
  });

  it('routes alerts to receivers that exist, by webhook and by e-mail', () => {
    const { route, receivers } = readYaml('prometheus/alertmanager/alertmanager.yml.example');
    const names = receivers.map(({ name }: any) => name);
    for (const { receiver } of [route, ...route.routes]) expect(names).toContain(receiver);
    const kinds = receivers.flatMap((receiver: object) => Object.keys(receiver));
    expect(kinds).toEqual(expect.arrayContaining(['webhook_configs', 'email_configs']));
  });

  it('shows the dashboards with a data source that exists', () => {
    const { datasources } = readYaml('compose/grafana-datasources.yml');
    const { providers } = readYaml('compose/grafana-dashboards.yml');
    const mounts = (compose.services.grafana.volumes as string[]).map((volume) => volume.split(':'));
    expect(mounts).toContainEqual(['./grafana', providers[0].options.path, 'ro']);
    for (const { url } of datasources) {
      expect(Object.keys(compose.services)).toContain(new URL(url).hostname);
    }
    const uids = datasources.map(({ uid }: any) => uid);
    const [link] = datasources[0].jsonData.exemplarTraceIdDestinations;
    expect(uids).toContain(link.datasourceUid);
  });
});
