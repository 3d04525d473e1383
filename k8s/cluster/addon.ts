import { CONTROL_PLANE } from './layout.ts';

/** A program of the cluster that runs as a pod: its image holds one static program. */
export interface Addon {
  /** Names the image, Deployment and ServiceAccount. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  /** What its ServiceAccount may do in the whole cluster. */
  readonly rules: readonly object[];
  /** Port and path that answer once it works. */
  readonly ready: { readonly port: number; readonly path: string; readonly scheme?: 'HTTPS' };
  /** Ports of its Service. */
  readonly service: object;
  /** Capabilities; a program without any runs as an ordinary user. */
  readonly capabilities?: readonly string[];
  /** A ConfigMap mounted at /etc/addon. */
  readonly config?: Readonly<Record<string, string>>;
}

export const ADDON_NAMESPACE = 'kube-system';

export function imageOf(addon: Addon): string {
  return `headgate.test/${addon.name}:1`;
}

/** All objects of an add-on. It runs on the control plane, which no scenario stops. */
export function objectsOf(addon: Addon): object[] {
  const { name, labels, rules, service, config } = addon;
  const metadata = { name, namespace: ADDON_NAMESPACE, labels };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    { apiVersion: RBAC, kind: 'ClusterRole', metadata: { name: roleOf(addon) }, rules },
    bind(addon, roleOf(addon)),
    ...(config === undefined ? [] : [{ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: config }]),
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ...service } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: podOf(addon) } },
    },
  ];
}

const RBAC = 'rbac.authorization.k8s.io/v1';
const roleOf = ({ name }: Addon) => `headgate-test:${name}`;

/** Gives an add-on a ClusterRole. */
export function bind({ name }: Addon, role: string): object {
  return {
    apiVersion: RBAC,
    kind: 'ClusterRoleBinding',
    metadata: { name: `${name}:${role}` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'ServiceAccount', name, namespace: ADDON_NAMESPACE }],
  };
}

function podOf(addon: Addon): object {
  const { name, args, ready, capabilities = [], config } = addon;
  const mounts = [{ name: 'tmp', mountPath: '/tmp' }];
  const volumes: object[] = [{ name: 'tmp', emptyDir: {} }];
  if (config !== undefined) {
    mounts.push({ name: 'config', mountPath: '/etc/addon' });
    volumes.push({ name: 'config', configMap: { name } });
  }
  return {
    serviceAccountName: name,
    priorityClassName: 'system-cluster-critical',
    nodeSelector: { 'kubernetes.io/hostname': CONTROL_PLANE },
    // A resolver of the cluster must not ask itself.
    dnsPolicy: 'Default',
    volumes,
    containers: [
      {
        name,
        image: imageOf(addon),
        imagePullPolicy: 'Never',
        args,
        volumeMounts: mounts,
        readinessProbe: {
          httpGet: { path: ready.path, port: ready.port, scheme: ready.scheme ?? 'HTTP' },
          periodSeconds: 1,
          timeoutSeconds: 5,
        },
        resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '256Mi' } },
        securityContext: {
          ...(capabilities.length === 0 ? { runAsNonRoot: true, runAsUser: 65532 } : {}),
          allowPrivilegeEscalation: false,
          capabilities: { add: capabilities, drop: ['ALL'] },
          readOnlyRootFilesystem: true,
          seccompProfile: { type: 'RuntimeDefault' },
        },
      },
    ],
  };
}
