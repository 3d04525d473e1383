import { ok } from 'node:assert/strict';
import { secondsSince } from '@headgate/testkit/eventually';
import { ProgramError } from '../../run-program.ts';
import { isReady, type Kube, type Pod } from '../kube.ts';
import { keepLooking, type Looks } from '../looks.ts';
import type { Scenario } from '../scenario.ts';

const LOOK_EVERY_MS = 500;

/** A node is emptied under load while the budget holds back evictions that would leave too few pods. */
export const drainNode: Scenario = {
  name: 'drain',
  title: 'Draining a node under load respects the disruption budgets and loses nothing',
  withinMs: 180_000,
  async run({ kube, load, figure, cleanUp }) {
    const budgets = await kube.get<Budgets>('poddisruptionbudget');
    const least = new Map(
      budgets.items.map(({ spec, status }) => [
        spec.selector.matchLabels[COMPONENT] ?? '',
        status.desiredHealthy,
      ]),
    );
    ok(least.size >= 3, 'each part has a disruption budget');
    const node = await kube.nodeWith('gateway', 'inference');
    const running = load();
    await running.answered(60);
    cleanUp((later) => later.kubectl(['uncordon', node]));
    const watch = watchReady(kube, least);
    const startMs = performance.now();
    const args = ['drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=120s'];
    try {
      await kube.kubectl([...args, '--pod-selector', 'app.kubernetes.io/name=headgate'], {
        withinMs: 125_000,
      });
    } finally {
      await watch.looks.stop();
    }
    figure('drained in', secondsSince(startMs));
    figure('looks at the ready pods', watch.looks.enough());
    ok(watch.below === undefined, watch.below);
    await running.answered(60);
    await running.stop();
    figure('three evictions at once', await evictAll(kube));
  },
};

/** Remembers when a part had fewer ready pods than its budget promises. */
function watchReady(kube: Kube, least: ReadonlyMap<string, number>) {
  const watch: { below?: string; looks: Looks } = { looks: keepLooking(look, LOOK_EVERY_MS) };
  async function look() {
    const { items } = await kube.get<{ items: Pod[] }>('pods');
    for (const [component, healthy] of least) {
      const { length } = items.filter((pod) => componentOf(pod) === component && isReady(pod));
      if (length < healthy) watch.below = `${component} had ${length} ready pods, not ${healthy}`;
    }
  }
  return watch;
}

/** Asks to evict all pods of inference at once: the API server refuses those that the budget needs. */
async function evictAll(kube: Kube): Promise<string> {
  const answers: string[] = [];
  for (const { metadata } of await kube.whenReady('inference', 3)) {
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: metadata.name } };
    const path = `/api/v1/namespaces/${kube.namespace}/pods/${metadata.name}/eviction`;
    try {
      await kube.kubectl(['create', '--raw', path, '-f', '-'], { input: JSON.stringify(body) });
      answers.push('allowed');
    } catch (error) {
      ok(error instanceof ProgramError && /disruption budget/.test(error.stderr), String(error));
      answers.push('refused');
    }
  }
  ok(answers.includes('refused'), 'one of three evictions at once is refused');
  return answers.join(', ');
}

const COMPONENT = 'app.kubernetes.io/component';
const componentOf = ({ metadata }: Pod) => metadata.labels[COMPONENT];

interface Budgets {
  readonly items: readonly {
    readonly spec: { readonly selector: { readonly matchLabels: Readonly<Record<string, string>> } };
    readonly status: { readonly desiredHealthy: number };
  }[];
}
