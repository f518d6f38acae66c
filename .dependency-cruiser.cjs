/**
 * The one law (docs/architecture: six nodes, zero edges), what adapters may import, the example's layers, no cycles.
 * tests/boundaries adds a forbidden import of each kind and sees it refused.
 * @type {import('dependency-cruiser').IConfiguration}
 */
const core = '^packages/([^/]+)/src/';
const layer = (name) => `^examples/payment-service/src/${name}/`;

module.exports = {
  forbidden: [
    {
      name: 'no-kit-imports-kit',
      comment: 'No kit package imports another: they meet over diagnostics channels and structural ports.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/([^/]+)/', pathNot: '^packages/$1/' },
    },
    {
      name: 'no-kit-imports-kit-by-name',
      comment: 'The same by name, for imports that do not resolve in this workspace.',
      severity: 'error',
      from: { path: '^packages/' },
      to: { path: '^@kit/' },
    },
    {
      name: 'adapters-are-thin',
      comment: 'An adapter imports its framework and ./index.js, nothing else.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/(express|fastify|nest)\\.ts$' },
      to: {
        path: '.',
        pathNot: [
          '^packages/[^/]+/src/index\\.ts$',
          'node_modules/(@types/)?(express|express-serve-static-core|fastify|@nestjs/common|@nestjs/core|rxjs)/',
        ],
      },
    },
    {
      name: 'cores-know-no-framework',
      comment: 'Only an adapter may import a framework, types included.',
      severity: 'error',
      from: { path: core, pathNot: '/src/(express|fastify|nest)\\.ts$' },
      to: { path: 'node_modules/(@types/)?(express|fastify|@nestjs/[^/]+|rxjs)/' },
    },
    {
      name: 'sources-stay-inside',
      comment: 'What is published never imports tests, tooling or examples.',
      severity: 'error',
      from: { path: core },
      to: { path: '^(tests|tooling|examples|scripts)/|^packages/[^/]+/(test|bench)/' },
    },
    {
      name: 'domain-imports-nothing',
      comment: 'Entities and rules know no framework, no database, no kit package and no other layer.',
      severity: 'error',
      from: { path: layer('domain') },
      to: { path: '.', pathNot: layer('domain') },
    },
    {
      name: 'application-knows-the-domain-only',
      comment: 'Use cases reach the outside through ports.',
      severity: 'error',
      from: { path: layer('application') },
      to: {
        path: [layer('infrastructure'), layer('interface'), '^examples/payment-service/src/[^/]+\\.ts$'],
      },
    },
    {
      name: 'infrastructure-knows-no-interface',
      severity: 'error',
      from: { path: layer('infrastructure') },
      to: { path: layer('interface') },
    },
    {
      name: 'repositories-only-run-sql',
      comment: "They take `tm.db` and its type: the boundary of a transaction is a use case's.",
      severity: 'error',
      from: { path: '^examples/payment-service/src/infrastructure/[^/]+-repository\\.ts$' },
      to: {
        path: ['node_modules/(knex|@kit/tx)/', '^packages/tx/', '^@kit/tx'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'interface-never-imports-infrastructure',
      severity: 'error',
      from: { path: layer('interface') },
      to: { path: layer('infrastructure') },
    },
    {
      name: 'only-composition-wires',
      comment: 'One file joins the layers; main.ts starts it.',
      severity: 'error',
      from: { path: '^examples/payment-service/src/[^/]+\\.ts$', pathNot: '/(composition|main)\\.ts$' },
      to: { path: [layer('infrastructure'), layer('interface')] },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|coverage)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      conditionNames: ['@kit/source', 'import', 'require', 'node', 'default', 'types'],
      exportsFields: ['exports'],
    },
  },
};
