import { modelRouting } from '@headgate/contracts/routing';
import { type Command, InvalidArgumentError } from 'commander';
import { type AdminApi, adminApiOf } from '../admin-api.ts';
import { CliError } from '../errors.ts';
import { percent } from '../in-words.ts';
import { print } from '../print.ts';
import { withProgress } from '../progress.ts';
import type { Surroundings } from '../surroundings.ts';
import { awaitInForce } from './in-force.ts';

/** A version that the routing table names now. */
export interface Routed {
  readonly model: string;
  readonly version: string;
  readonly weight: number;
  readonly revision: string;
  /** Gateways that do not follow the table yet. */
  readonly lacking: readonly string[];
  /** Pods that have it loaded, of those that there are. */
  readonly ready: number;
  readonly pods: number;
}

/** A model is loaded and warm within seconds; a large one takes longer. */
const READY_WITHIN_MS = 60_000;
const EVERY_MS = 500;

export function addAdd(route: Command, around: Surroundings): void {
  route
    .command('add')
    .argument('<model>', 'model, which the routing table may not have yet')
    .argument('<version>', 'version in the models folder or the registry')
    .option('--weight <percent>', 'share of all units, which control gives; 0: loaded only', percentOf, 100)
    .description('name a version in the routing table, and wait until it is ready')
    .action(async (model: string, version: string, { weight }: { weight: number }, command: Command) => {
      const routed = await routeVersion(adminApiOf(command, around), { model, version, weight }, around);
      print(command, around, routed, routedInWords);
      requireReady(routed);
    });
}

/** @throws InvalidArgumentError which commander words */
export function percentOf(text: string): number {
  if (!/^\d{1,3}(\.\d{1,2})?%?$/.test(text) || Number.parseFloat(text) > 100) {
    throw new InvalidArgumentError('write 0 to 100 percent with at most two decimals');
  }
  return Number.parseFloat(text);
}

/** Writes the version into the routing table; waits until all gateways follow, and until every pod has it ready. */
export async function routeVersion(
  api: AdminApi,
  { model, version, weight }: Pick<Routed, 'model' | 'version' | 'weight'>,
  around: Surroundings,
): Promise<Routed> {
  const { revision: before } = await api.routing();
  const { revision, routing } = await api.addVersion(model, { revision: before, version, weight });
  const variants = modelRouting(routing, model)?.experiment.variants ?? [];
  const weights = Object.fromEntries(variants.map((variant) => [variant.name, variant.weight]));
  const { gateways } = await api.live();
  const following = awaitInForce(gateways, { model, weights }, around);
  const { lacking } = await withProgress('waiting for the gateways', around, following);
  const loading = awaitReady(api, model, version, around);
  const pods = await withProgress(`waiting until ${model}/${version} is ready`, around, loading);
  return { model, version, weight, revision, lacking, ...pods };
}

async function awaitReady(api: AdminApi, model: string, version: string, around: Surroundings) {
  const end = around.nowMs() + READY_WITHIN_MS;
  for (;;) {
    const { models } = await api.live();
    const found = models.find((one) => one.model === model)?.versions.find((one) => one.version === version);
    const pods = found?.pods ?? [];
    const ready = pods.filter((pod) => pod.ready).length;
    if ((pods.length > 0 && ready === pods.length) || around.nowMs() >= end) {
      return { ready, pods: pods.length };
    }
    await around.sleep(EVERY_MS);
  }
}

export function routedInWords({ model, version, weight, ready, pods }: Routed): string {
  const share = weight === 0 ? 'is loaded and gets no units' : `gets ${percent(weight)} of the units`;
  return `${model}: version ${version} ${share}, ready on ${ready} of ${pods} pods`;
}

/** @throws CliError failed when a gateway lacks the table, or a pod the version */
export function requireReady({ lacking, ready, pods, model }: Routed): void {
  if (lacking.length > 0) {
    throw new CliError('failed', `the routing table is written, but not in force on ${lacking.join(', ')}`, {
      remedy: 'headgate status says whether the table is refused; the log of that gateway says why',
    });
  }
  if (pods > 0 && ready === pods) return;
  throw new CliError(
    'failed',
    `the routing table is written; ${ready} of ${pods} pods have the version ready`,
    {
      remedy: `headgate models list ${model} says why a version does not load`,
    },
  );
}
