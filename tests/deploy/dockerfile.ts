import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { delimiter, dirname, matchesGlob, relative } from 'node:path';
import { deploy, root } from './documents.ts';

export interface Stage {
  name: string;
  image: string;
  instructions: { keyword: string; value: string }[];
}

/** The stages of deploy/Dockerfile, with `${ARG}` replaced from `args` and the ARGs' own defaults. */
export function readDockerfile(args: Record<string, string> = {}): Stage[] {
  const text = readFileSync(`${deploy}Dockerfile`, 'utf8')
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll('\\\n', ' ');
  const known: Record<string, string> = {};
  const stages: Stage[] = [];
  for (const line of text.split('\n').filter((line) => line.trim())) {
    const [, keyword = '', raw = ''] = /^([A-Z]+)\s+(.+)$/.exec(line) ?? [];
    // The shell expands what RUN says.
    const value =
      keyword === 'RUN' ? raw : raw.replaceAll(/\$\{(\w+)\}/g, (found, name) => known[name] ?? found);
    if (keyword === 'ARG') {
      const [name, fallback] = value.split('=') as [string, string];
      known[name] = args[name] ?? fallback;
    } else if (keyword === 'FROM') {
      const [image = '', , name = ''] = value.split(' ');
      stages.push({ name, image, instructions: [] });
    } else stages.at(-1)!.instructions.push({ keyword, value });
  }
  return stages;
}

export const valuesOf = (stage: Stage, keyword: string) =>
  stage.instructions.filter((instruction) => instruction.keyword === keyword).map(({ value }) => value);

/** `ENV A=b C=d`. */
export const environmentIn = (stage: Stage): Record<string, string> =>
  Object.fromEntries(
    valuesOf(stage, 'ENV').flatMap((line) =>
      [...line.matchAll(/(\w+)=(\S+)/g)].map(([, key, value]) => [key, value]),
    ),
  );

/** What `docker build` would send: the repository without what Dockerfile.dockerignore names. */
export function copyContext(target: string, from = root): void {
  const ignored = readFileSync(`${deploy}Dockerfile.dockerignore`, 'utf8')
    .split('\n')
    .filter((line) => line && !line.startsWith('#'));
  cpSync(from, target, {
    recursive: true,
    filter: (source) => {
      const inside = relative(from, source);
      return !ignored.some((pattern) => inside === pattern || matchesGlob(inside, pattern));
    },
  });
}

/** The RUN steps of the build stage, as a shell would run them in `folder`, which stands for its WORKDIR. */
export function runSteps(folder: string, args: Record<string, string>): void {
  const [build] = readDockerfile(args);
  mkdirSync(folder, { recursive: true });
  for (const step of valuesOf(build!, 'RUN')) {
    const { status, stdout, stderr } = spawnSync('sh', ['-c', step], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 600_000,
      env: { ...cleanEnvironment(), ...environmentIn(build!), ...args },
    });
    if (status !== 0) throw new Error(`${step}\n${stdout.slice(-3_000)}${stderr.slice(-3_000)}`);
  }
}

/** Without what vitest and npm tell their children; with the node that runs us. */
export function cleanEnvironment(): Record<string, string> {
  const strange = /^(NODE_(OPTIONS|ENV)|VITEST|npm_(lifecycle|package|node_execpath|execpath)|INIT_CWD|PNPM)/;
  const kept = Object.entries(process.env).filter(([name]) => !strange.test(name));
  const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);
  return { ...(Object.fromEntries(kept) as Record<string, string>), PATH };
}
