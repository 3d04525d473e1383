import type { Explanation } from '@headgate/contracts/admin/api';
import { controlOf, type Routing } from '@headgate/contracts/routing';
import { bucketOf, bucketRange, variantAt } from '@headgate/runtime/routing/assign';
import type { LiveFigures } from '../figures/live-figures.ts';
import { knownModel } from './weights.ts';

export interface Asked {
  readonly unit: string;
  readonly rule: Explanation['rule'];
}

/** Which variant a unit gets, and why: by the functions that the gateway uses. @throws AdminError not_found */
export function explained(
  routing: Routing,
  model: string,
  { unit, rule }: Asked,
  figures: Pick<LiveFigures, 'readyOn'>,
): Explanation {
  const { experiment } = knownModel(routing, model);
  const bucket = bucketOf(experiment.salt, unit);
  const assigned = variantAt(experiment, bucket);
  const range = bucketRange(experiment, assigned);
  const unready = figures.readyOn(model, assigned.version).filter(({ ready }) => !ready);
  const served = unready.length === 0 ? assigned : controlOf(experiment);
  return {
    model,
    experiment: experiment.name,
    salt: experiment.salt,
    bucket,
    range,
    rule,
    assigned: { variant: assigned.name, version: assigned.version },
    served: { variant: served.name, version: served.version },
    why: [
      rule === 'api key'
        ? 'The caller names no unit: the id of its API key is the unit.'
        : 'The caller names the unit in X-Headgate-Unit.',
      `Salt and unit hash into bucket ${bucket} of 10,000.`,
      `Buckets ${range[0]} to ${range[1] - 1} belong to ${assigned.name}, which has ${assigned.weight} %.`,
      served === assigned
        ? `Its version ${assigned.version} is ready.`
        : `Its version ${assigned.version} is not ready on ${unready.map(({ address }) => address).join(', ')}, so control (${served.name}) answers.`,
    ],
  };
}
