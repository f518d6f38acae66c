import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments, parseDocument } from 'yaml';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const deploy = fileURLToPath(new URL('../../deploy/', import.meta.url));

/** A Kubernetes object, as loosely as YAML gives it. */
export interface Resource {
  file: string;
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  [field: string]: any;
}

/** Everything in deploy/kubernetes except kustomization.yaml, strict about YAML itself: duplicate keys are errors. */
export function readResources(): Resource[] {
  return readdirSync(`${deploy}kubernetes`)
    .filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
    .flatMap((file) =>
      parseAllDocuments(readFileSync(`${deploy}kubernetes/${file}`, 'utf8')).map((document) => {
        if (document.errors.length > 0) throw new Error(`${file}: ${String(document.errors[0])}`);
        return { file, ...document.toJS() } as Resource;
      }),
    );
}

/** One YAML file below deploy/. */
export function readYaml(path: string): any {
  const document = parseDocument(readFileSync(`${deploy}${path}`, 'utf8'), { merge: true });
  if (document.errors.length > 0) throw new Error(`${path}: ${String(document.errors[0])}`);
  return document.toJS();
}

/** The environment of a service's container: its ConfigMap and the example of its Secret. */
export function environmentOf(resources: Resource[], name: string): Record<string, string> {
  const named = resources.filter(({ metadata }) => metadata.name === name);
  return Object.assign(
    {},
    named.find(({ kind }) => kind === 'ConfigMap')?.data,
    named.find(({ kind }) => kind === 'Secret')?.stringData,
  );
}
