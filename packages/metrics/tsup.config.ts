import { kitBuild } from '../../tsup.config.base.ts';

export default [
  kitBuild(['src/index.ts', 'src/express.ts', 'src/fastify.ts', 'src/nest.ts', 'src/otel.ts'], {
    // Both run at once: this one must not sweep away what the other has written.
    clean: ['**/*', '!cli.cjs'],
  }),
  // The command line carries what it needs, so that nobody installs Grafana's builders to count requests.
  kitBuild(['src/cli.ts'], {
    format: ['cjs'],
    dts: false,
    splitting: false,
    clean: false,
    minify: true,
    noExternal: [/^@grafana\//, 'yaml'],
  }),
];
