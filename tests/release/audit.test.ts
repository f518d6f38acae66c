import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const finding = {
  id: 1,
  url: 'https://github.com/advisories/GHSA-aaaa-bbbb-cccc',
  title: 'Lines that are not lines',
  severity: 'high',
  vulnerable_versions: '>=1.0.0',
};

it('fails on a vulnerability of a run-time dependency, and shows it', async () => {
  const { code, output } = await auditAgainst(200, { pino: [finding] });
  expect(output).toContain(finding.title);
  expect(code).toBe(1);
});

it('passes when the registry knows of none', async () => {
  const { code, output } = await auditAgainst(200, {});
  expect(output).not.toContain('NOT CHECKED');
  expect(code).toBe(0);
});

it('passes, and says that it could not look, when the registry refuses', async () => {
  const { code, output } = await auditAgainst(405, { error: 'no' });
  expect(output).toContain('NOT CHECKED');
  expect(code).toBe(0);
});

/** Runs the check's script with a registry of the test's own. */
async function auditAgainst(status: number, advisories: object): Promise<{ code: number; output: string }> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(advisories));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const registry = `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
  const env = { ...process.env, pnpm_config_registry: registry, pnpm_config_fetch_retries: '0' };
  const answer = await new Promise<{ code: number; output: string }>((resolve) => {
    execFile(process.execPath, ['scripts/audit.mjs'], { cwd: root, env }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, output: stdout + stderr }),
    );
  });
  server.closeAllConnections();
  server.close();
  return answer;
}
