import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { ROOT } from '@headgate/testkit/root';
import { expect, it } from 'vitest';
import { deploy, undo } from './deploy.ts';
import { FakePrograms, failure } from './fake-programs.ts';
import { parseOptions } from './options.ts';

const task = { progress: () => {}, done: () => {}, failed: () => {} };

const ui = { say: () => {}, begin: () => task };

/** @returns what was asked of helm and kubectl */
async function undone(state: Parameters<typeof undo>[1]['state'], revision: number): Promise<string[]> {
  const programs = new FakePrograms([[/helm history/, JSON.stringify([{ revision, status: 'failed' }])]]);
  const made = [{ kind: 'secret', name: 'headgate-internal' }];
  await undo({ programs, ui }, { state }, { made, revision: (state?.revision ?? 0) + 1 });
  return programs.calls.filter((call) => !call.startsWith('helm history')).map((call) => call.slice(0, 36));
}

it('goes back to the good revision', async () => {
  const [call, ...others] = await undone({ status: 'deployed', revision: 4, good: 4 }, 5);
  expect(call).toContain('helm rollback headgate 4');
  expect(others).toEqual([]);
});

it('removes a first deployment with what it made', async () => {
  expect(await undone(undefined, 1)).toEqual([
    expect.stringContaining('helm uninstall headgate'),
    expect.stringContaining('kubectl delete job,configmap,service'),
    expect.stringContaining('kubectl delete secret headgate-inter'),
  ]);
});

it('leaves an installation that served before it', async () => {
  expect(await undone({ status: 'failed', revision: 1, good: undefined }, 2)).toEqual([]);
});

it.each([undefined, { status: 'deployed', revision: 4, good: 4 }])(
  'leaves what another deployment did since %j',
  async (state) => {
    expect(await undone(state, 6)).toEqual([]);
  },
);

const config = {
  'current-context': 'test',
  clusters: [{ cluster: { server: 'https://10.0.0.1' } }],
};

type Answers = NonNullable<ConstructorParameters<typeof FakePrograms>[0]>;

/** A cluster without anything. */
const EMPTY: Answers = [
  [/config view/, JSON.stringify(config)],
  [/helm history/, failure('release: not found')],
  [/--dry-run=server/, JSON.stringify({ manifest: '' })],
  [/--ignore-not-found/, ''],
  [/kubectl get /, '{"items": []}'],
];

function deployTo(programs: FakePrograms, ...more: string[]): Promise<void> {
  const images = join(tempDir({ 'images.yaml': '{}' }), 'images.yaml');
  const photo = 'samples/digit-7.png';
  const options = parseOptions(['--env', 'staging', '--yes', '--images', images, '--photo', photo, ...more]);
  const { signal } = new AbortController();
  return deploy({ root: ROOT, options, programs, signal, ui });
}

const undoing = ({ calls }: FakePrograms) =>
  calls.filter((call) => /uninstall|rollback|kubectl .*delete/.test(call));

it('keeps a first deployment that it cannot reach', async () => {
  const programs = new FakePrograms(EMPTY);
  await expect(deployTo(programs)).rejects.toMatchObject({
    exitCode: 4,
    message: expect.stringContaining('it is deployed, and could not be verified: Envoy does not answer'),
  });
  expect(programs.calls.some((call) => call.startsWith('helm upgrade'))).toBe(true);
  expect(undoing(programs)).toEqual([]);
});

const gateway = (digest: string, version: string) =>
  JSON.stringify({
    ...{ apiVersion: 'apps/v1', kind: 'Deployment' },
    metadata: { name: 'headgate-gateway', labels: { version } },
    spec: {
      template: { spec: { containers: [{ name: 'gateway', image: `headgate/gateway@sha256:${digest}` }] } },
    },
  });

/** A cluster with a gateway, whose last revision failed, and whose Helm refuses to begin. */
const USED: Answers = [
  [/helm get manifest headgate --revision 2/, gateway('b', 'sent')],
  [/helm get manifest/, gateway('b', 'failed')],
  [/--dry-run=server/, JSON.stringify({ manifest: gateway('b', 'sent') })],
  [/helm upgrade/, failure('UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress')],
  [/get namespace/, JSON.stringify({ metadata: {} })],
  [/get deployment headgate-gateway/, gateway('a', 'live')],
  [/get configmap headgate-routing/, '{}'],
  ...EMPTY,
];

/** Another deployment makes a revision at the first command that matches. */
class Shared extends FakePrograms {
  readonly #statuses: readonly string[];
  readonly #event: RegExp;

  constructor(answers: Answers, statuses: readonly string[], event: RegExp) {
    super(answers);
    this.#statuses = statuses;
    this.#event = event;
  }

  override async helm(...[args, options]: Parameters<FakePrograms['helm']>): Promise<string> {
    const isChanged = this.calls.some((call) => this.#event.test(call));
    const statuses = isChanged ? [...this.#statuses, 'pending-upgrade'] : this.#statuses;
    if (args[0] !== 'history' || statuses.length === 0) return super.helm(args, options);
    return JSON.stringify(statuses.map((status, i) => ({ revision: i + 1, status })));
  }
}

it('makes nothing once another deployment has begun', async () => {
  const programs = new Shared(EMPTY, [], /--dry-run=server/);
  await expect(deployTo(programs)).rejects.toMatchObject({
    exitCode: 3,
    message: expect.stringContaining('it has revision 1, and had no revision'),
  });
  expect(programs.calls.filter((call) => /create|upgrade .*--wait/.test(call))).toEqual([]);
  expect(undoing(programs)).toEqual([]);
});

it.each([{ more: [] }, { more: ['--canary', 'gateway'] }])(
  'undoes nothing when Helm finds another deployment at work: $more',
  async ({ more }) => {
    const programs = new Shared(USED, ['superseded', 'deployed', 'failed'], /helm upgrade .*--wait/);
    await expect(deployTo(programs, ...more)).rejects.toMatchObject({
      exitCode: 3,
      remedy: expect.stringContaining('--recover'),
    });
    expect(undoing(programs)).toEqual([]);
  },
);
