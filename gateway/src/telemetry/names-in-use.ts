import { OTHER } from '@headgate/contracts/names';
import { modelRouting } from '@headgate/contracts/routing';
import type { RoutingSource } from '../routing/source.ts';

/** Labels of a prediction as metrics may carry them. */
export interface PredictionLabels {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
}

/**
 * Only names of the routing table become label values; anything else is `other` (decision 0010). An explicit
 * version is no part of an experiment: its variant is `none`.
 */
export function boundedLabels(
  routing: RoutingSource,
  model: string,
  version: string,
  variant: string | null,
): PredictionLabels {
  const entry = modelRouting(routing.current(), model);
  if (!entry) return { model: OTHER, version: OTHER, variant: OTHER };
  const names = entry.experiment.variants.map((v) => v.name);
  return {
    model,
    version: entry.versions.includes(version) ? version : OTHER,
    variant: variant === null ? 'none' : names.includes(variant) ? variant : OTHER,
  };
}
