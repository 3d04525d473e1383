import { deepEqual, equal } from 'node:assert/strict';
import { rowsOf } from '../../chart/test/page.ts';
import { ProgramError } from '../../run-program.ts';
import type { Kube } from '../kube.ts';
import type { Scenario } from '../scenario.ts';

/** Every account of the release, and the one that pods without an account have. */
const ACCOUNTS = ['gateway', 'inference', 'control', 'envoy', 'redis', 'postgres'];
/** Every account of a cluster may ask what it may do itself. */
const OF_EVERYBODY = ['authorization.k8s.io', 'authentication.k8s.io'];

interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** The API server's own list of what each account may do, against the documented table. */
export const rbac: Scenario = {
  name: 'rbac',
  title: 'Each ServiceAccount has the documented rights and no others',
  async run({ kube, release, figure }) {
    const accounts = [...ACCOUNTS.map((name) => `${release}-${name}`), 'default'];
    const documented = rowsOf('Rights').filter(([, resource]) => resource !== 'deployments/scale');
    let rights = 0;
    for (const account of accounts) {
      const own = documented
        .filter(([name]) => name === `\`${account}\``)
        .map((row) => row.slice(1, 4).join(' '));
      const found = (await rulesOf(kube, account)).map(textOf);
      deepEqual(found.sort(), own.sort(), account);
      rights += own.length;
    }
    figure('accounts', accounts.length);
    figure('rights', rights);
    for (const [account, verb, resource, expected] of questions(release)) {
      equal(
        await canI(kube, `${release}-${account}`, verb, resource),
        expected,
        `${account} ${verb} ${resource}`,
      );
    }
  },
};

/** Of one account in the namespace of the release: the answer to `kubectl auth can-i --list`. */
async function rulesOf(kube: Kube, account: string): Promise<Rule[]> {
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectRulesReview',
    spec: { namespace: kube.namespace },
  };
  const output = await kube.kubectl(
    ['create', '--validate=false', '-f', '-', '-o', 'json', ...as(kube, account)],
    {
      input: JSON.stringify(review),
    },
  );
  const { status } = JSON.parse(output) as { status: { resourceRules: readonly Rule[] } };
  return status.resourceRules.filter(
    ({ apiGroups }) => !apiGroups.every((group) => OF_EVERYBODY.includes(group)),
  );
}

const textOf = ({ resources, resourceNames = ['any'], verbs }: Rule) =>
  [resources, resourceNames, verbs].map((words) => words.join(', ')).join(' ');

const as = (kube: Kube, account: string) => ['--as', `system:serviceaccount:${kube.namespace}:${account}`];

/** Account, verb, resource, expected: what somebody inside a pod would try. */
function questions(release: string): readonly (readonly [string, string, string, boolean])[] {
  const routing = `configmap/${release}-routing`;
  const rollouts = `configmap/${release}-rollouts`;
  const lease = `lease/${release}-control`;
  return [
    ['gateway', 'watch', routing, true],
    ['gateway', 'patch', routing, false],
    ['gateway', 'list', 'configmaps', false],
    ['gateway', 'get', 'secrets', false],
    ['inference', 'watch', routing, true],
    ['inference', 'create', 'pods/exec', false],
    ['control', 'update', routing, true],
    ['control', 'update', 'configmaps', false],
    ['control', 'patch', routing, false],
    ['control', 'delete', routing, false],
    ['control', 'get', rollouts, true],
    ['control', 'update', rollouts, true],
    ['control', 'get', `configmap/${release}-config`, false],
    ['control', 'update', lease, true],
    ['control', 'update', 'leases', false],
    ['control', 'get', 'secrets', false],
    ['control', 'patch', 'deployments', false],
    ['envoy', 'get', routing, false],
  ];
}

async function canI(kube: Kube, account: string, verb: string, resource: string): Promise<boolean> {
  try {
    const args = ['auth', 'can-i', verb, ...resource.split(' '), ...as(kube, account)];
    return (await kube.kubectl(args)).trim() === 'yes';
  } catch (error) {
    if (error instanceof ProgramError && error.stdout.trim().startsWith('no')) return false;
    throw error;
  }
}
