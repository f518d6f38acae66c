import type { Target } from './define.ts';

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The lower and the upper one, interpolated. */
export function quartiles(values: readonly number[]): [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => {
    const place = (sorted.length - 1) * share;
    const below = Math.floor(place);
    return sorted[below]! + (place - below) * (sorted[Math.ceil(place)]! - sorted[below]!);
  };
  return [at(0.25), at(0.75)];
}

/** `3 210 ns`, `12.4 µs`, `1.50 ms`. */
export function formatNs(ns: number): string {
  if (ns < 1_000) return `${ns.toFixed(ns < 100 ? 1 : 0)} ns`;
  if (ns < 1_000_000) return `${(ns / 1_000).toFixed(2)} µs`;
  return `${(ns / 1_000_000).toFixed(2)} ms`;
}

/** Says for each target what was measured and whether it holds. */
export function judge(targets: Target | Target[] | undefined, values: Record<string, number>): string[] {
  return [targets ?? []].flat().map(({ case: name = 'kit', ratio, of }) => {
    const measured = values[name]! / values[of]!;
    const verdict = measured <= ratio ? 'holds' : 'missed';
    return `Target: \`${name}\` ≤ ${ratio} × \`${of}\`: ${measured.toFixed(2)} ×, ${verdict}.`;
  });
}
