import { type ModelRouting, modelRouting, onlyVersion, type Routing } from '@headgate/contracts/routing';
import { AdminError } from '../api/api-env.ts';

export interface Added {
  readonly version: string;
  /** Percent of all units. */
  readonly weight: number;
}

/**
 * The table with one more version. Of a model that is new, it is the only version. Otherwise it becomes a treatment, whose
 * weight the control variant gives; with a weight of 0 it is loaded, and no variant.
 *
 * @throws AdminError invalid, where the control variant has less to give
 */
export function withVersion(routing: Routing, model: string, added: Added): Routing {
  const entry = modelRouting(routing, model);
  const after = entry ? withTreatment(entry, model, added) : firstOf(model, added);
  return { ...routing, models: { ...routing.models, [model]: after } };
}

function firstOf(model: string, { version, weight }: Added): ModelRouting {
  if (weight === 100) return { versions: [version], experiment: onlyVersion(version) };
  throw new AdminError('invalid', `${model} is new: its only version gets 100 %, not ${weight} %`);
}

function withTreatment(entry: ModelRouting, model: string, { version, weight }: Added): ModelRouting {
  const { variants } = entry.experiment;
  if (variants.some((variant) => variant.version === version)) {
    throw new AdminError(
      'invalid',
      `Version ${version} is a variant of ${model} already: change its weight.`,
    );
  }
  const versions = [...new Set([...entry.versions, version])];
  const [control, ...treatments] = variants;
  if (weight === 0 || !control) return { ...entry, versions };
  if (control.weight < weight) {
    throw new AdminError('invalid', `The control variant ${control.name} has ${control.weight} % to give.`);
  }
  const rest = { ...control, weight: Math.round((control.weight - weight) * 100) / 100 };
  const treatment = onlyVersion(version).variants.map((variant) => ({ ...variant, weight }));
  const split = { ...entry.experiment, variants: [rest, ...treatments, ...treatment] };
  return { ...entry, versions, experiment: split };
}
