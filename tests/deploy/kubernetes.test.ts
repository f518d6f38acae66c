import { traceRequestHeaders } from '@kit/trace';
import { describe, expect, it } from 'vitest';
import { environmentOf, readResources, readYaml, type Resource } from './documents.ts';
import { problemsOf } from './schema.ts';
import { services, unreadNames } from './services.ts';

const resources = readResources();
const ofKind = (kind: string) => resources.filter((resource) => resource.kind === kind);
const deployments = ofKind('Deployment');
const podOf = (deployment: Resource) => deployment.spec.template.spec;
const containerOf = (deployment: Resource) => podOf(deployment).containers[0];
const perDeployment = deployments.map((deployment) => [deployment.metadata.name, deployment] as const);
const defaultForceAfterMs = 25_000;

describe('every manifest', () => {
  it.each(resources.map((resource) => [`${resource.kind} ${resource.metadata.name}`, resource] as const))(
    '%s fits the published schema, with no field the schema does not know',
    (_name, resource) => {
      expect(problemsOf(resource)).toEqual([]);
    },
  );

  it('would be refused with a misspelt field or a wrong type', () => {
    const broken = structuredClone(deployments[0]!);
    containerOf(broken).livenesProbe = {};
    expect(problemsOf(broken)).toEqual(['spec.template.spec.containers.0.livenesProbe is not in the schema']);
    containerOf(broken).readinessProbe.periodSeconds = 'often';
    expect(problemsOf(broken).join()).toContain('periodSeconds must be integer');
  });

  it('is applied by kustomization.yaml, secrets excepted, into a namespace that exists', () => {
    const applied: string[] = readYaml('kubernetes/kustomization.yaml').resources;
    const files = [...new Set(resources.map(({ file }) => file))];
    expect(new Set(applied)).toEqual(new Set(files.filter((file) => file !== 'secrets.example.yaml')));
    const namespaces = ofKind('Namespace').map(({ metadata }) => metadata.name);
    for (const { metadata } of resources.filter(({ kind }) => kind !== 'Namespace')) {
      expect(namespaces).toContain(metadata.namespace);
    }
  });
});

describe.each(perDeployment)('the Deployment of %s', (name, deployment) => {
  const pod = podOf(deployment);
  const container = containerOf(deployment);
  const env = environmentOf(resources, name);
  const config = services[name]!.read(env);
  const portOf = (port: string) =>
    container.ports.find((known: { name: string }) => known.name === port)?.containerPort;

  it('sets only what the service reads, to values it accepts', () => {
    expect(unreadNames(name, env)).toEqual([]);
  });

  it('opens the ports that the service listens on', () => {
    const ports = container.ports.map(({ containerPort }: { containerPort: number }) => containerPort);
    expect(ports).toEqual(services[name]!.ports.map((port) => config[port]));
  });

  it('asks the probes that exist, at a port that exists', () => {
    const paths = { startupProbe: 'startup', livenessProbe: 'live', readinessProbe: 'ready' };
    for (const [probe, path] of Object.entries(paths)) {
      expect(container[probe].httpGet.path).toBe(`/health/${path}`);
      expect(portOf(container[probe].httpGet.port)).toBeDefined();
    }
  });

  it('is not killed before it has gone down by itself', () => {
    const preStopMs = container.lifecycle.preStop.sleep.seconds * 1_000;
    const readyDelayMs = Number(config[services[name]!.readyDelay]);
    expect(readyDelayMs).toBeLessThan(defaultForceAfterMs);
    expect(pod.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(preStopMs + defaultForceAfterMs);
    // Traffic stops coming before the server stops listening.
    expect(preStopMs + readyDelayMs).toBeGreaterThanOrEqual(
      container.readinessProbe.periodSeconds * 1_000 * container.readinessProbe.failureThreshold,
    );
  });

  it('gives a readiness probe longer than a check may take, and lets the health do the counting', () => {
    expect(container.readinessProbe.timeoutSeconds).toBeGreaterThan(5);
    expect(container.readinessProbe).toMatchObject({ failureThreshold: 1, successThreshold: 1 });
  });

  it('leaves a slow migration alone for at least a minute', () => {
    const { periodSeconds, failureThreshold } = container.startupProbe;
    expect(periodSeconds * failureThreshold).toBeGreaterThanOrEqual(60);
  });

  it('runs as nobody in particular on a file system it cannot change', () => {
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(pod.securityContext.runAsUser).toBeGreaterThan(0);
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container.resources.limits.memory).toBeDefined();
    expect(container.resources.requests.cpu).toBeDefined();
  });

  it('pins its image', () => {
    expect(container.image).toMatch(/:\d+\.\d+\.\d+$/);
  });

  it('writes only where a volume is', () => {
    const mounted = container.volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath);
    expect(mounted).toContain(env.DATA_DIR ?? '/data');
  });

  it('is selected by its Services, whose ports lead somewhere', () => {
    const { namespace } = deployment.metadata;
    const labels = deployment.spec.template.metadata.labels;
    const own = ofKind('Service').filter(
      ({ metadata, spec }) =>
        metadata.namespace === namespace &&
        Object.entries(spec.selector).every(([key, value]) => labels[key] === value),
    );
    expect(own.length).toBe(services[name]!.ports.length);
    for (const { spec } of own) {
      for (const { port, targetPort } of spec.ports) expect(portOf(targetPort)).toBe(port);
    }
  });
});

describe('services that share a database', () => {
  it.each(['payment-service', 'user-service'])(
    '%s is critical-only with failures 3 / successes 2',
    (name) => {
      expect(environmentOf(resources, name)).toMatchObject({
        HEALTH_READINESS: 'critical-only',
        HEALTH_FAILURES: '3',
        HEALTH_SUCCESSES: '2',
      });
    },
  );

  it.each(ofKind('HorizontalPodAutoscaler').map((scaler) => [scaler.metadata.name, scaler] as const))(
    '%s scales without using up the connections of its PostgreSQL',
    (name, { spec, metadata }) => {
      const deployment = deployments.find((found) => found.metadata.name === spec.scaleTargetRef.name)!;
      expect(deployment.metadata.namespace).toBe(metadata.namespace);
      expect(deployment.spec.replicas).toBeUndefined();
      expect(spec.minReplicas).toBeGreaterThan(1);
      const pool = Number(environmentOf(resources, name).DATABASE_POOL_MAX ?? 10);
      const most = spec.maxReplicas + deployment.spec.strategy.rollingUpdate.maxSurge;
      // 100 by default, of which 3 are the superuser's.
      expect(most * pool).toBeLessThanOrEqual(97);
    },
  );

  it('keep all but one instance through a drain of nodes', () => {
    const budgets = ofKind('PodDisruptionBudget');
    const names = budgets.map(({ metadata }) => metadata.name);
    expect(new Set(names)).toEqual(new Set(['payment-service', 'user-service']));
    for (const { spec, metadata } of budgets) {
      expect(spec.maxUnavailable).toBe(1);
      expect(spec.selector.matchLabels['app.kubernetes.io/name']).toBe(metadata.name);
    }
  });

  it('run in namespaces that hold every pod to the restricted standard', () => {
    for (const { metadata } of deployments) {
      const namespace = ofKind('Namespace').find((found) => found.metadata.name === metadata.namespace)!;
      expect(namespace.metadata.labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'restricted' });
    }
  });
});

describe('network policies', () => {
  const policies = ofKind('NetworkPolicy');
  const policyOf = (name: string) =>
    policies.find(({ metadata, spec }) => metadata.name === name && spec.egress)!;
  const text = (value: unknown) => JSON.stringify(value ?? []);

  it('deny everything in each domain that is not named', () => {
    for (const { metadata } of deployments) {
      const denial = policies.find(
        (policy) => policy.metadata.namespace === metadata.namespace && !policy.spec.podSelector.matchLabels,
      );
      expect(denial?.spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
    }
  });

  it('let payments reach the partners and their own database, and users neither partners nor payments', () => {
    expect(text(policyOf('payment-service').spec.egress)).toContain('kit-partners');
    expect(text(policyOf('payment-service').spec.egress)).not.toContain('kit-users');
    expect(text(policyOf('user-service').spec.egress)).not.toMatch(/kit-(partners|payments)/);
    expect(text(policyOf('partners').spec.egress)).not.toMatch(/kit-(users|payments)|postgres|redis/);
  });

  it('let every service that sends spans reach Jaeger, at the port it is told, and the name server', () => {
    for (const { metadata } of deployments) {
      const { name } = metadata;
      const endpoint = new URL(environmentOf(resources, name).OTEL_EXPORTER_OTLP_ENDPOINT!);
      const egress: any[] = policyOf(name).spec.egress;
      const collector = egress.find(({ to }) => text(to).includes('"kit.example/role":"tracing"'));
      expect(collector.ports).toEqual([{ protocol: 'TCP', port: Number(endpoint.port) }]);
      expect(text(egress.find(({ to }) => text(to).includes('kube-dns')).ports)).toContain('53');
    }
  });

  it('let payment-service in at each partner port it calls, and the gateway nowhere but at the APIs', () => {
    const partners = policies.find(({ metadata }) => metadata.name === 'partners')!;
    const ports = [{ port: 3101 }, { port: 3102 }, { port: 3103 }];
    expect(partners.spec.ingress[0].ports).toMatchObject(ports);
    expect(text(partners.spec.ingress)).not.toContain('"gateway"');
    for (const name of ['payment-service', 'user-service']) {
      expect(text(policyOf(name).spec.ingress)).toContain('"gateway"');
    }
  });
});

describe('the gateway', () => {
  const routes = ofKind('HTTPRoute');
  const [gateway] = ofKind('Gateway');

  it('is reached from namespaces that it allows', () => {
    const { matchLabels } = gateway!.spec.listeners[0].allowedRoutes.namespaces.selector;
    for (const { metadata, spec } of routes) {
      const namespace = ofKind('Namespace').find((found) => found.metadata.name === metadata.namespace)!;
      expect(namespace.metadata.labels).toMatchObject(matchLabels);
      expect(spec.parentRefs).toEqual([
        { name: gateway!.metadata.name, namespace: gateway!.metadata.namespace },
      ]);
    }
  });

  it('leads to services that exist, and never to operators’ routes', () => {
    for (const { metadata, spec } of routes) {
      for (const { matches, backendRefs } of spec.rules) {
        for (const { name, port } of backendRefs) {
          const target = ofKind('Service').find(
            (service) => service.metadata.name === name && service.metadata.namespace === metadata.namespace,
          );
          expect(target?.spec.ports[0].port).toBe(port);
        }
        for (const { path } of matches) {
          expect(path.value).not.toMatch(/^\/($|admin|health|metrics|faults|ledger)/);
        }
      }
    }
  });

  it('drops every trace header that the services would believe', () => {
    for (const { spec } of routes) {
      for (const { filters } of spec.rules) {
        expect(filters[0].requestHeaderModifier.remove).toEqual([...traceRequestHeaders]);
      }
    }
  });
});
