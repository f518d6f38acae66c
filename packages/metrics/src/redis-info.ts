/** The figures of `INFO` that the Redis dashboard shows. */
export interface RedisInfo {
  connectedClients: number;
  usedMemory: number;
  maxMemory: number;
  keys: number;
  keyspaceHits: number;
  keyspaceMisses: number;
  commandsProcessed: number;
  evictedKeys: number;
}

/** Reads the answer of `INFO`; what a server does not say is 0. */
export function parseRedisInfo(text: string): RedisInfo {
  const fields = new Map<string, string>();
  let keys = 0;
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon === -1 || line.startsWith('#')) continue;
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1);
    fields.set(name, value);
    // db0:keys=3,expires=0,avg_ttl=0
    if (/^db\d+$/.test(name)) keys += Number(/keys=(\d+)/.exec(value)?.[1] ?? 0);
  }
  const number = (name: string) => Number(fields.get(name) ?? 0) || 0;
  return {
    connectedClients: number('connected_clients'),
    usedMemory: number('used_memory'),
    maxMemory: number('maxmemory'),
    keys,
    keyspaceHits: number('keyspace_hits'),
    keyspaceMisses: number('keyspace_misses'),
    commandsProcessed: number('total_commands_processed'),
    evictedKeys: number('evicted_keys'),
  };
}
