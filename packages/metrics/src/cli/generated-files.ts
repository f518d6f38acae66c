/** Files by their path below `--out`. */
export type GeneratedFiles = Record<string, string>;
