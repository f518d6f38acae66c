/** One operation of a micro benchmark; what it returns is awaited when it is a promise. */
export type Operation = () => unknown;

/** Makes a case ready; runs once, before the first round. */
export type CaseFactory = () => CaseReady | Promise<CaseReady>;
type CaseReady = Operation | { run: Operation; close?: () => unknown };

export interface Target {
  /** The case that must not cost more than `ratio` times … @default 'kit' */
  case?: string;
  ratio: number;
  /** … this one. */
  of: string;
}

interface Common {
  /** `breaker`: the section of docs/benchmarks.md. */
  package: string;
  title: string;
  /** Sentences below the table. */
  notes?: string;
}

export interface CallBench extends Common {
  kind: 'calls';
  cases: Record<string, CaseFactory>;
  /** The case that ratios are relative to. */
  baseline: string;
  target?: Target | Target[];
}

export interface ServerBench extends Common {
  kind: 'servers';
  /**
   * Each a file that listens on port 0 and calls `serveForBench(server)`. Node runs it as it stands, so kit is what was
   * built: `@kit/trace/express`.
   */
  servers: Record<string, URL>;
  /** The server without anything added: the others are measured by what they add to it. Without one, by all they use. */
  bare?: string;
  baseline: string;
  /** @default '/' */
  path?: string;
  /** The status of every answer. @default 200 */
  status?: number;
  /** @default 50 */
  connections?: number;
  target?: Target | Target[];
}

export interface Table {
  columns: string[];
  rows: (string | number)[][];
  notes?: string;
}

export interface TableBench extends Common {
  kind: 'table';
  run(context: { short: boolean }): Promise<Table>;
}

export type Bench = CallBench | ServerBench | TableBench;

/** Time per call of the same work done by us and by the peers, in one process. */
export const defineBench = (bench: Omit<CallBench, 'kind'>): CallBench => ({ kind: 'calls', ...bench });

/** CPU per request of servers, or what a middleware adds to it, in paired processes. */
export const defineServerBench = (bench: Omit<ServerBench, 'kind'>): ServerBench => ({
  kind: 'servers',
  ...bench,
});

/** Anything that measures itself and has a table to show. */
export const defineTableBench = (bench: Omit<TableBench, 'kind'>): TableBench => ({
  kind: 'table',
  ...bench,
});
