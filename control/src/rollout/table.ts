import { isDeepStrictEqual } from 'node:util';
import type { Rollout } from '@headgate/contracts/rollout';
import { type Experiment, type ModelRouting, modelRouting, type Routing } from '@headgate/contracts/routing';

type Part = Pick<Rollout, 'id' | 'model' | 'state' | 'control' | 'candidate' | 'weight' | 'transitions'>;

/** As the schema of the routing table allows. */
const MAX_VERSIONS = 16;

/** The routing table that a rollout in its state asks for. Other models, and shadows, stay as they are. */
export function tableOf(rollout: Part, routing: Routing): Routing {
  const model = modelRouting(routing, rollout.model);
  if (!model) return routing;
  const experiment = experimentOf(rollout, model.experiment);
  const changed = { ...model, versions: versionsOf(model, rollout, experiment), experiment };
  return { ...routing, models: { ...routing.models, [rollout.model]: changed } };
}

/** Whether the table says of this model what the rollout asks for. */
export function isInForce(rollout: Part, routing: Routing): boolean {
  const model = modelRouting(routing, rollout.model);
  if (!model) return false;
  return (
    isDeepStrictEqual(model.experiment, experimentOf(rollout, model.experiment)) &&
    model.experiment.variants.every(({ version }) => model.versions.includes(version))
  );
}

/** Weight that the table gives the candidate; undefined when the experiment is not that of the rollout any more. */
export function weightIn(routing: Routing, { id, model, control, candidate }: Part): number | undefined {
  const experiment = modelRouting(routing, model)?.experiment;
  if (experiment?.name !== id || experiment.salt !== id) return undefined;
  const [first, second, ...others] = experiment.variants;
  const isOurs =
    first?.name === control.variant &&
    first.version === control.version &&
    second?.name === candidate.variant &&
    second.version === candidate.version;
  return isOurs && others.length === 0 ? second.weight : undefined;
}

function experimentOf(rollout: Part, before: Experiment): Experiment {
  const { id, state, control, candidate, weight } = rollout;
  const variant = (of: Rollout['control'], share: number) => ({
    name: of.variant,
    version: of.version,
    weight: share,
  });
  if (state.kind === 'promoted') {
    return { name: id, salt: id, variants: [variant(candidate, 100)] };
  }
  if (state.kind === 'rolled_back' && wasNeverReady(rollout)) return withoutVariant(before, id, candidate);
  if (state.kind === 'rolled_back') return withoutUnits(before, id, candidate);
  return { name: id, salt: id, variants: [variant(control, rest(weight)), variant(candidate, weight)] };
}

/** No pod may wait for a version that cannot be loaded. */
const wasNeverReady = ({ transitions }: Part) => !transitions.some(({ to }) => to.kind === 'running');

function withoutVariant(experiment: Experiment, id: string, { variant }: Rollout['candidate']): Experiment {
  const { variants } = withoutUnits(experiment, id, { variant, version: '' });
  return experiment.name === id
    ? { ...experiment, variants: variants.filter(({ name }) => name !== variant) }
    : experiment;
}

/** Also where somebody has edited the experiment: its control gets what the candidate had. */
function withoutUnits(experiment: Experiment, id: string, { variant }: Rollout['candidate']): Experiment {
  const candidate = experiment.variants.find(({ name }) => name === variant);
  if (experiment.name !== id || !candidate || candidate.weight === 0) return experiment;
  const variants = experiment.variants.map((of, index) => {
    if (of === candidate) return { ...of, weight: 0 };
    return index === 0 ? { ...of, weight: hundredths(of.weight + candidate.weight) } : of;
  });
  return { ...experiment, variants };
}

/** The versions of before stay loaded: a return must not wait for them. */
function versionsOf(
  { versions, shadows = [] }: ModelRouting,
  rollout: Part,
  { variants }: Experiment,
): string[] {
  const isGone = rollout.state.kind === 'rolled_back' && wasNeverReady(rollout);
  const candidates = isGone ? [] : [rollout.candidate.version];
  const served = [...variants, ...shadows].map(({ version }) => version);
  const needed = new Set([...served, rollout.control.version, ...candidates]);
  const spare = versions.filter(
    (version) => !needed.has(version) && !(isGone && version === rollout.candidate.version),
  );
  // Oldest first.
  const kept = new Set(spare.slice(Math.max(0, spare.length + needed.size - MAX_VERSIONS)));
  return [...new Set([...versions, ...needed])].filter((of) => needed.has(of) || kept.has(of));
}

const rest = (weight: number) => hundredths(100 - weight);
/** 100 - 99.99 is 0.010000000000005116. */
const hundredths = (weight: number) => Math.round(weight * 100) / 100;
