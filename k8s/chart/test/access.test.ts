import { describe, expect, it } from 'vitest';
import { rowsOf } from './page.ts';
import {
  COMPONENT,
  componentOf,
  find,
  type KubernetesObject,
  ofKind,
  render,
  type Settings,
  selects,
} from './render.ts';

const list = (words: readonly string[]) => words.join(', ');

describe('the table of rights', () => {
  it('is that of the Roles, and no account has another', async () => {
    const objects = await render('production', {
      'inference.pools.spare': { enabled: true, serverless: { model: 'big' } },
    });
    const bindings = ofKind(objects, 'RoleBinding', 'ClusterRoleBinding') as Binding[];
    expect(ofKind(objects, 'ClusterRole', 'ClusterRoleBinding')).toEqual([]);
    const rows = ofKind(objects, 'Role').flatMap((role) => {
      const accounts = bindings
        .filter(({ roleRef }) => roleRef.name === role.metadata.name)
        .flatMap(subjectsOf);
      return (role.rules ?? []).map(({ resources, resourceNames = ['any'], verbs }) => [
        `\`${list(accounts)}\``,
        list(resources),
        list(resourceNames),
        list(verbs),
      ]);
    });
    expect(rowsOf('Rights').map((row) => row.slice(0, 4))).toEqual(rows);
  });
});

interface Binding extends KubernetesObject {
  readonly roleRef: { readonly name: string };
  readonly subjects: readonly { readonly kind: string; readonly name: string }[];
}
const subjectsOf = ({ subjects }: Binding) => subjects.map(({ name }) => name);

/** Peers that only values name, each with an address by which it is found again. */
const OUTSIDE = [
  ['networkPolicies.clients.from', '192.0.2.1/32'],
  ['networkPolicies.grpcClients.from', '192.0.2.2/32'],
  ['networkPolicies.prometheus.from', '192.0.2.3/32'],
  ['networkPolicies.apiServer.cidrs', '192.0.2.4/32'],
  ['networkPolicies.apiServer.from', '192.0.2.10/32'],
  ['networkPolicies.redis.to', '192.0.2.5/32'],
  ['networkPolicies.postgres.to', '192.0.2.6/32'],
  ['networkPolicies.issuers.to', '192.0.2.7/32'],
  ['networkPolicies.collector.to', '192.0.2.8/32'],
  ['networkPolicies.captures.to', '192.0.2.9/32'],
  ['networkPolicies.s3.to', '192.0.2.11/32'],
  ['networkPolicies.mlflow.from', '192.0.2.13/32'],
  ['networkPolicies.mlflow.to', '192.0.2.14/32'],
  ['networkPolicies.alerts.to', '192.0.2.12/32'],
] as const;
const PEERS: Settings = Object.fromEntries(
  OUTSIDE.map(([path, cidr]) => [path, path.endsWith('cidrs') ? [cidr] : [{ ipBlock: { cidr } }]]),
);
const LIFECYCLE: Settings = { 'mlflow.enabled': true, 'airflow.enabled': true };
const ALL: Settings = {
  ...PEERS,
  ...LIFECYCLE,
  's3.enabled': true,
  'externalMetrics.enabled': true,
  'externalMetrics.caBundle': 'PEM',
  'certManager.public.enabled': true,
  'envoy.serverNames': ['api.acme.org'],
};

interface Peer {
  readonly ipBlock?: { readonly cidr: string };
  readonly namespaceSelector?: object;
  readonly podSelector?: Selector;
}
interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { readonly key: string; readonly values: readonly string[] }[];
}

/** Words for the pods of a selector: components, or what is known by a label of its own. */
function wordsOf({ matchLabels = {}, matchExpressions = [] }: Selector): string {
  const components = matchExpressions.find(({ key }) => key === COMPONENT)?.values;
  if (components) return list(components);
  if (matchLabels['app.kubernetes.io/instance'] === 'headgate') return 'all';
  return Object.entries(matchLabels)
    .map((label) => label.join('='))
    .join();
}

function peerOf({ ipBlock, namespaceSelector, podSelector }: Peer): string {
  const value = OUTSIDE.find(([, cidr]) => cidr === ipBlock?.cidr)?.[0];
  if (value !== undefined) return `\`${value}\``;
  return namespaceSelector ? `${wordsOf(podSelector ?? {})} of kube-system` : wordsOf(podSelector ?? {});
}

/** Policy, from, to, ports: as a row of the page. The two policies of an arrow between our pods are one row. */
function arrowsOf(objects: readonly KubernetesObject[]): string[][] {
  const rows = new Map<string, string[]>();
  for (const { metadata, spec } of ofKind(objects, 'NetworkPolicy')) {
    const name = `\`${metadata.name.replace(/-(egress|ingress)$/, '').replace(/^headgate-/, '')}\``;
    const isEgress = spec.egress !== undefined;
    const [rule] = spec.egress ?? spec.ingress ?? [];
    if (rule === undefined) continue;
    const here = wordsOf(spec.podSelector);
    const there = list((rule.to ?? rule.from).map(peerOf));
    const ports = [...new Set(rule.ports.map(({ port }: { port: number }) => String(port)))] as string[];
    const row = [name, ...(isEgress ? [here, there] : [there, here]), list(ports)];
    const known = rows.get(name);
    if (known) expect(row, 'both sides of an arrow').toEqual(known);
    rows.set(name, row);
  }
  return [...rows.values()];
}

describe('the network policies', () => {
  it('allow what the table says and nothing else, with services outside', async () => {
    const other = ['redis', 'postgres', '`to-other-mlflow`'];
    const expected = rowsOf('Network').filter((row) => !other.some((word) => row.includes(word)));
    const arrows = arrowsOf(await render('production', ALL));
    expect(arrows.sort()).toEqual(expected.map((row) => row.slice(0, 4)).sort());
  });

  it('allow what the table says of the MLflow of another release', async () => {
    const own = ([name]: readonly string[]) => name === '`to-other-mlflow`';
    const arrows = arrowsOf(
      await render('production', { ...PEERS, 'mlflow.url': 'https://mlflow.acme.org' }),
    );
    const expected = rowsOf('Network').filter(own);
    expect(arrows.filter(own)).toEqual(expected.map((row) => row.slice(0, 4)));
  });

  it('allow what the table says of devServices', async () => {
    const own = (row: readonly string[]) => row.includes('redis') || row.includes('postgres');
    const arrows = arrowsOf(await render('dev', ALL)).filter(own);
    expect(arrows.sort()).toEqual(
      rowsOf('Network')
        .filter(own)
        .map((row) => row.slice(0, 4))
        .sort(),
    );
  });

  it('deny the rest to every pod of the release, in both directions, and leave other pods alone', async () => {
    const policies = ofKind(await render('production'), 'NetworkPolicy');
    const denied = policies
      .filter(({ metadata }) => metadata.name === 'headgate-deny-all')
      .map(({ spec }) => spec);
    const matchLabels = {
      'app.kubernetes.io/name': 'headgate',
      'app.kubernetes.io/instance': 'headgate',
    };
    expect(denied).toEqual([{ podSelector: { matchLabels }, policyTypes: ['Ingress', 'Egress'] }]);
    expect(policies.filter(({ spec }) => selects(spec.podSelector, { app: 'another' }))).toEqual([]);
    expect(policies.every((policy) => componentOf(policy) === 'network')).toBe(true);
  });

  it('open the way from and to the API server where no value names its addresses', async () => {
    const objects = await render('production', {
      'externalMetrics.enabled': true,
      'externalMetrics.caBundle': 'PEM',
    });
    const anywhere = [{ ipBlock: { cidr: '0.0.0.0/0' } }, { ipBlock: { cidr: '::/0' } }];
    const { spec: out } = find(objects, 'NetworkPolicy', 'headgate-to-api-server');
    expect(out.egress[0].to).toEqual(anywhere);
    const { spec: back } = find(objects, 'NetworkPolicy', 'headgate-api-server-to-control');
    expect(back.ingress[0].from).toEqual(anywhere);
  });

  it('close what no value names', async () => {
    const names = ofKind(await render('dev', LIFECYCLE), 'NetworkPolicy').map(
      ({ metadata }) => metadata.name,
    );
    for (const closed of [
      'grpc-clients-to-envoy',
      'prometheus',
      'to-issuers',
      'to-collector',
      'to-captures',
      'to-alerts',
    ]) {
      expect(names).not.toContain(`headgate-${closed}`);
    }
  });
});
