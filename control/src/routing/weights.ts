import type { WeightsPreview } from '@headgate/contracts/admin/api';
import {
  BUCKETS,
  type ModelRouting,
  modelRouting,
  percentFrom,
  type Routing,
} from '@headgate/contracts/routing';
import { variantAt } from '@headgate/runtime/routing/assign';
import { AdminError } from '../api/api-env.ts';

const weight = percentFrom(0);

/** Percent by variant. */
export type Weights = Readonly<Record<string, number>>;

/** @throws AdminError not_found */
export function knownModel(routing: Routing, model: string): ModelRouting {
  const known = modelRouting(routing, model);
  if (known) return known;
  throw new AdminError('not_found', 'The routing table has no such model.');
}

/** Problems of new weights for all variants of a model, in words. */
export function issuesOfWeights(routing: Routing, model: string, weights: Weights): string[] {
  const names = knownModel(routing, model).experiment.variants.map(({ name }) => name);
  const missing = names.filter((name) => !Object.hasOwn(weights, name));
  const unknown = Object.keys(weights).filter((name) => !names.includes(name));
  if (missing.length > 0) return [`give a weight to ${missing.join(' and ')} too`];
  if (unknown.length > 0) return [`there is no variant ${unknown.join(' or ')}: choose ${names.join(', ')}`];
  const bad = names.filter((name) => !weight.safeParse(weights[name]).success);
  if (bad.length > 0) return bad.map((name) => `${name}: write 0 to 100 with at most two decimals`);
  const sum = names.reduce((total, name) => total + Math.round((weights[name] ?? 0) * 100), 0);
  return sum === BUCKETS ? [] : [`the weights add up to ${sum / 100} %, not to 100 %`];
}

/** The table with other weights. Variants that are not named keep theirs. */
export function withWeights(routing: Routing, model: string, weights: Weights): Routing {
  const of = knownModel(routing, model);
  const variants = of.experiment.variants.map((variant) => ({
    ...variant,
    weight: Object.hasOwn(weights, variant.name) ? (weights[variant.name] ?? 0) : variant.weight,
  }));
  const changed = { ...of, experiment: { ...of.experiment, variants } };
  return { ...routing, models: { ...routing.models, [model]: changed } };
}

/**
 * Who gets another variant: counted over all buckets, each the same share of all units.
 *
 * @param seen units of the last 24 hours, of which each share has its part; null where nobody knows
 */
export function moves(
  before: Routing,
  after: Routing,
  model: string,
  seen: number | null,
): WeightsPreview['moves'] {
  const [old, next] = [knownModel(before, model).experiment, knownModel(after, model).experiment];
  const counts = new Map<string, { from: string; to: string; buckets: number }>();
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const [from, to] = [variantAt(old, bucket).name, variantAt(next, bucket).name];
    if (from === to) continue;
    const key = JSON.stringify([from, to]);
    const buckets = (counts.get(key)?.buckets ?? 0) + 1;
    counts.set(key, { from, to, buckets });
  }
  return [...counts.values()].map(({ from, to, buckets }) => ({
    from,
    to,
    share: (buckets * 100) / BUCKETS,
    units: seen === null ? null : Math.round((seen * buckets) / BUCKETS),
  }));
}
