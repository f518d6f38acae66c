import { runChild } from 'kit-tooling/process';

const file = new URL('./children/serve.ts', import.meta.url);

/** A service in a process of its own, for real signals; `options` are those of `gracefulShutdown`. */
export async function startService(framework: string, options: object) {
  const child = runChild(file, { args: [framework, JSON.stringify(options)] });
  const output = await child.waitFor(/port \d+/);
  const port = Number(/port (\d+)/.exec(output)![1]);
  return { child, port, url: `http://127.0.0.1:${port}` };
}
