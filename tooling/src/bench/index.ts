export { defineBench, defineServerBench, defineTableBench, type Bench, type Table } from './define.ts';
export { serveForBench } from './serve.ts';
export { median } from './statistics.ts';
