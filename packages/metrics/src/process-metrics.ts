import { totalmem } from 'node:os';
import type { Instruments } from './instrument-maker.js';
import { processWide } from './process-wide.js';

// By registry: two createMetrics on one would count everything twice.
const counted = processWide('disk-access', () => new WeakMap<object, { fsRead: number; fsWrite: number }>());

/** What the clients' default metrics lack for the overview dashboard: limits and disk access. */
export function addProcessMetrics(
  registry: object,
  instruments: Instruments,
  onScrape: (name: string, fn: () => unknown) => () => void,
): void {
  const limit = instruments.gauge('kit_process_memory_limit_bytes', {
    help: 'Memory this process may use: its cgroup limit, else the memory of the machine.',
    aggregate: 'max',
  });
  const io = instruments.counter('kit_process_fs_operations_total', {
    help: 'Reads and writes of this process that reached a disk.',
    labels: ['operation'],
  });
  const reads = io.child('read');
  const writes = io.child('write');
  const before = counted.get(registry) ?? { fsRead: 0, fsWrite: 0 };
  counted.set(registry, before);
  onScrape('kit_process_fs_operations_total', () => {
    const { fsRead, fsWrite } = process.resourceUsage();
    reads.inc(Math.max(0, fsRead - before.fsRead));
    writes.inc(Math.max(0, fsWrite - before.fsWrite));
    Object.assign(before, { fsRead, fsWrite });
    limit.set(memoryLimit());
  });
}

function memoryLimit(): number {
  // 0 and absurdly large numbers both mean that no limit is set.
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < totalmem() ? constrained : totalmem();
}
