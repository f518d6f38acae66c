import { Gateway, HTTPRoute } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1';
import { Deployment } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import {
  ConfigMap,
  Namespace,
  PersistentVolumeClaim,
  Secret,
  Service,
  ServiceAccount,
} from 'kubernetes-models/v1';
import type { Resource } from './documents.ts';

type Model = new (data: any) => { validate(): void };
const models: Record<string, Model> = {
  'v1/Namespace': Namespace,
  'v1/ConfigMap': ConfigMap,
  'v1/Secret': Secret,
  'v1/Service': Service,
  'v1/ServiceAccount': ServiceAccount,
  'v1/PersistentVolumeClaim': PersistentVolumeClaim,
  'apps/v1/Deployment': Deployment,
  'autoscaling/v2/HorizontalPodAutoscaler': HorizontalPodAutoscaler,
  'policy/v1/PodDisruptionBudget': PodDisruptionBudget,
  'networking.k8s.io/v1/NetworkPolicy': NetworkPolicy,
  'gateway.networking.k8s.io/v1/Gateway': Gateway,
  'gateway.networking.k8s.io/v1/HTTPRoute': HTTPRoute,
};

/**
 * What the published schema has against a resource. The schemas let unknown fields pass, as the API server once did in
 * silence: so we watch which fields the validator looks at, and report those it has never heard of.
 */
export function problemsOf({ file: _file, ...resource }: Resource): string[] {
  const Model = models[`${resource.apiVersion}/${resource.kind}`];
  if (!Model) return [`no schema for ${resource.apiVersion} ${resource.kind}`];
  const seen = new Set<string>();
  const fields = Object.fromEntries(
    Object.entries(resource).map(([name, value]) => [name, watched(value, name, seen)]),
  );
  try {
    // Assigned, not given to the constructor: that would copy everything, and so look at everything.
    Object.assign(new Model({}), fields).validate();
  } catch (error) {
    return [(error as Error).message];
  }
  const unknown = Object.entries(resource).flatMap(([name, value]) => unseen(value, name, seen));
  return unknown.map((path) => `${path} is not in the schema`);
}

function watched(value: unknown, path: string, seen: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, key, receiver) {
      const inner: unknown = Reflect.get(target, key, receiver);
      if (typeof key === 'symbol' || !Object.hasOwn(target, key) || key === 'length') return inner;
      seen.add(`${path}.${key}`);
      return watched(inner, `${path}.${key}`, seen);
    },
  });
}

function unseen(value: unknown, path: string, seen: Set<string>): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    seen.has(`${path}.${key}`) ? unseen(inner, `${path}.${key}`, seen) : [`${path}.${key}`],
  );
}
