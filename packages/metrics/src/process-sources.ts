import { processWide } from './process-wide.js';
import type { ScrapeSource } from './scrape.js';

const sources = processWide('sources', () => new Set<ScrapeSource>());

/** Makes a registry known to `clusterMetrics()`; returns how to leave. */
export function joinProcess(source: ScrapeSource): () => void {
  sources.add(source);
  return () => void sources.delete(source);
}

export function processSources(): readonly ScrapeSource[] {
  return [...sources];
}
