import { ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { METRIC } from '@headgate/contracts/names';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { type Sample, total } from '@headgate/testkit/metrics';
import type { Pod } from '../kube.ts';
import type { Context, Scenario } from '../scenario.ts';

/** Internal ports of the two parts that follow the table. */
const FOLLOWERS = { gateway: 8442, inference: 8445 } as const;
/** An edit is in force everywhere within this time. */
const LIVE_MS = 2000;
/** The longest pause between two attempts to reach an API server, and the list after it. */
const BACK_MS = 12_000;
const KEY = 'routing.yaml';

/** Two variants of the one version, so that weights can move. */
export const tableOf = (first: number, second: number, experiment = 'digits') => `schema: 1
default_model: digits
models:
  digits:
    versions: ["1"]
    experiment:
      name: ${experiment}
      salt: ${experiment}-1
      variants:
        - { name: v1, version: "1", weight: ${first} }
        - { name: twin, version: "1", weight: ${second} }
`;

/** The table is edited as an operator would: by `kubectl edit`. */
export const routingTable: Scenario = {
  name: 'routing',
  title: 'Edited weights reach every pod in less than 2 s; bad ones and a deleted ConfigMap change nothing',
  withinMs: 90_000,
  async run(context) {
    const { kube, load, figure, progress } = context;
    const name = await useTable(context, tableOf(90, 10));
    const running = load();
    await running.answered(40);

    progress('editing the weights');
    const good = await edit(context, name, { 'weight: 90': 'weight: 60', 'weight: 10': 'weight: 40' });
    figure('edited weights in force after', await until(context, isWeight(40), LIVE_MS, good));

    progress('editing wrong weights');
    const bad = await edit(context, name, { 'weight: 40': 'weight: 55' });
    figure('bad weights refused after', await until(context, isStale(1), LIVE_MS, bad));
    await until(context, isWeight(40), LIVE_MS);

    progress('deleting the ConfigMap');
    await put(context, name, tableOf(60, 40));
    await until(context, isStale(0), LIVE_MS);
    await kube.kubectl(['delete', 'configmap', name]);
    const gone = performance.now();
    figure('deletion visible after', await until(context, isStale(1), LIVE_MS, gone));
    await until(context, isWeight(40), LIVE_MS);
    await running.answered(40);
    await put(context, name, tableOf(50, 50));
    await until(context, isWeight(50), LIVE_MS);
    await until(context, isStale(0), LIVE_MS);
    await running.answered(40);
    await running.stop();
  },
};

/** The API server is away while a gateway starts again; edits reach all when it is back. */
export const routingWithoutApi: Scenario = {
  name: 'routing-api',
  title: 'Without the API server the last table serves, also in a gateway that starts then',
  withinMs: 150_000,
  async run(context) {
    const { kube, host, load, cluster, figure, progress, cleanUp } = context;
    const name = await useTable(context, tableOf(70, 30));
    const followers = await followersOf(context);
    await mountedCopies(context, followers, 'weight: 30');
    const running = load();
    await running.answered(40);

    progress('stopping the API server');
    cleanUp(() => cluster('api-start'));
    await cluster('api-stop');
    const victim = followers.find(({ component }) => component === 'gateway')?.pod;
    if (victim === undefined) throw new Error('no gateway is ready');
    const [pid] = host.pids(victim, 'gateway');
    if (pid === undefined) throw new Error('the gateway has no process');
    const startOf = (samples: readonly Sample[]) => total(samples, 'process_start_time_seconds');
    const before = startOf(await host.metrics(victim, FOLLOWERS.gateway));
    process.kill(pid, 'SIGKILL');
    const killed = performance.now();
    const again = async () => {
      const samples = await host.metrics(victim, FOLLOWERS.gateway);
      return startOf(samples) > before && isWeight(30)(samples);
    };
    await eventually(again, { what: 'a gateway that starts from the mounted copy', withinMs: 30_000 });
    figure('gateway back without the API server after', secondsSince(killed));
    await running.answered(100);
    const ages = await each(followers, host, (samples) => total(samples, METRIC.routingSourceAge));
    ok(Math.min(...ages) > 1, `each follower knows that its table ages: ${ages}`);

    progress('starting the API server');
    await cluster('api-start');
    const back = performance.now();
    await kube.kubectl(['get', '--raw', '/readyz']);
    await put(context, name, tableOf(20, 80));
    figure('edit in force after the return', await until(context, isWeight(80), BACK_MS, back));
    await running.answered(40);
    await running.stop();
  },
};

interface Follower {
  readonly component: keyof typeof FOLLOWERS;
  readonly pod: Pod;
}

async function followersOf({ kube }: Context): Promise<Follower[]> {
  const components = Object.keys(FOLLOWERS) as (keyof typeof FOLLOWERS)[];
  const lists = await Promise.all(
    components.map(async (component) => (await kube.readyPods(component)).map((pod) => ({ component, pod }))),
  );
  return lists.flat();
}

const each = <T>(followers: readonly Follower[], host: Context['host'], of: (samples: Sample[]) => T) =>
  Promise.all(followers.map(async ({ component, pod }) => of(await host.metrics(pod, FOLLOWERS[component]))));

type Condition = (samples: readonly Sample[]) => boolean;

/** Inference shows no weights: it only needs to know the versions. */
const isWeight =
  (percent: number): Condition =>
  (samples) =>
    samples.every(({ name }) => name !== METRIC.routingWeight) ||
    total(samples, METRIC.routingWeight, { variant: 'twin' }) === percent;

const isStale =
  (value: 0 | 1): Condition =>
  (samples) =>
    total(samples, METRIC.routingStale) === value;

/** Waits until a condition holds for every follower. @returns the time since `fromMs` */
async function until(
  context: Context,
  holds: Condition,
  withinMs: number,
  fromMs = performance.now(),
): Promise<string> {
  const followers = await followersOf(context);
  const look = async () => (await each(followers, context.host, holds)).every(Boolean);
  await eventually(look, { what: 'the same routing table in every pod', withinMs, everyMs: 50 });
  return secondsSince(fromMs);
}

/** Puts a table into the ConfigMap for the time of a scenario. @returns the name of the ConfigMap */
export async function useTable(context: Context, table: string): Promise<string> {
  const name = await keepTable(context);
  await put(context, name, table);
  const first = Number(/twin.*weight: (\d+)/.exec(table)?.[1]);
  await until(context, isWeight(first), LIVE_MS);
  return name;
}

/** Puts the present table back after the scenario. @returns the name of the ConfigMap */
export async function keepTable({ kube, release, cleanUp }: Context): Promise<string> {
  const name = `${release}-routing`;
  const before = await kube.get<{ data: Record<string, string> }>('configmap', name);
  cleanUp((later) => put({ kube: later }, name, before.data[KEY] ?? ''));
  return name;
}

async function put({ kube }: Pick<Context, 'kube'>, name: string, table: string): Promise<void> {
  const metadata = { name, annotations: { 'helm.sh/resource-policy': 'keep' } };
  await kube.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [KEY]: table } });
}

/** @returns when kubectl had saved the change */
export async function edit(
  { kube }: Context,
  name: string,
  changes: Record<string, string>,
): Promise<number> {
  const commands = Object.entries(changes).map(([from, to]) => `-e 's/${from} /${to} /'`);
  const env = { KUBE_EDITOR: `sed -i ${commands.join(' ')}` };
  await kube.kubectl(['edit', 'configmap', name], { env });
  return performance.now();
}

/** Waits until the kubelets have the table in the mounted copies, which takes up to a minute and a half. */
async function mountedCopies({ host }: Context, followers: readonly Follower[], text: string): Promise<void> {
  const look = () =>
    followers.every(({ component, pod }) => {
      const [pid] = host.pids(pod, component);
      return readFileSync(`/proc/${pid}/root/headgate/routing/${KEY}`, 'utf8').includes(text);
    });
  await eventually(look, { what: 'the mounted copies', withinMs: 100_000, everyMs: 500 });
}
