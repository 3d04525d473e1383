import { isDeepStrictEqual } from 'node:util';
import { hadUnits, isActive, type Rollout } from '@headgate/contracts/rollout';
import {
  controlOf,
  type Experiment,
  MAX_VERSIONS,
  type ModelRouting,
  modelRouting,
  type Routing,
} from '@headgate/contracts/routing';

type Part = Omit<Rollout, 'schema' | 'policy' | 'started_at_ms' | 'started_by' | 'written'>;

/**
 * The routing table that a rollout in its state asks for. Other models stay as they are, and shadows too, except that a
 * version which becomes the control is no shadow any more.
 */
export function tableOf(rollout: Part, routing: Routing): Routing {
  const model = modelRouting(routing, rollout.model);
  if (!model) return routing;
  const experiment = experimentOf(rollout, model.experiment);
  const { shadows = [], ...rest } = model;
  const left = shadows.filter(({ version }) => version !== controlOf(experiment).version);
  const versions = versionsOf(model, rollout, experiment);
  const changed = { ...rest, versions, experiment, ...(left.length > 0 && { shadows: left }) };
  return { ...routing, models: { ...routing.models, [rollout.model]: changed } };
}

/** Whether the table says of this model what the rollout asks for. */
export function isInForce(rollout: Part, routing: Routing): boolean {
  const model = modelRouting(routing, rollout.model);
  if (!model) return rollout.state.kind === 'rolled_back';
  return (
    isDeepStrictEqual(model.experiment, experimentOf(rollout, model.experiment)) &&
    model.experiment.variants.every(({ version }) => model.versions.includes(version))
  );
}

/** Whether a rollout has ended and the table was as it asked: from then on the table is the operator's. */
export function isDone(rollout: Part & Pick<Rollout, 'written'>): boolean {
  const { written } = rollout;
  return !isActive(rollout) && written !== null && isDeepStrictEqual(written, experimentOf(rollout, written));
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

/** Percent of the units that the table gives the candidate, in whatever experiment. */
export function weightOf({ model, candidate }: Part, routing: Routing): number {
  const variants = modelRouting(routing, model)?.experiment.variants ?? [];
  const shares = variants.filter(({ version }) => version === candidate.version);
  return hundredths(shares.reduce((sum, { weight }) => sum + weight, 0));
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
  if (state.kind === 'rolled_back') return rolledBack(before, rollout);
  return { name: id, salt: id, variants: [variant(control, rest(weight)), variant(candidate, weight)] };
}

function rolledBack(experiment: Experiment, rollout: Part): Experiment {
  if (experiment.name !== rollout.id) return experiment;
  return restored(rollout)?.experiment ?? withoutUnits(experiment, rollout);
}

/** What the table said before; undefined once the candidate had units: of the rollout, or of an edit that made it fail. */
function restored(rollout: Part): Rollout['before'] {
  const hasFailed = rollout.evidence.some(({ verdict }) => verdict === 'fail');
  return hadUnits(rollout) || hasFailed ? undefined : rollout.before;
}

/**
 * Also where somebody has edited the experiment: its control gets what the candidate had, and the first place, which gets
 * the units whose own variant is not ready.
 */
function withoutUnits(experiment: Experiment, { control, candidate: of }: Part): Experiment {
  const candidate = experiment.variants.find(({ name }) => name === of.variant);
  if (!candidate) return experiment;
  if (candidate.weight === 0 && candidate !== experiment.variants[0]) return experiment;
  const others = experiment.variants.filter((one) => one !== candidate);
  const made = { name: control.variant, version: control.version, weight: 0 };
  const heir = others.find(({ name }) => name === control.variant) ?? others[0] ?? made;
  const rest = experiment.variants.filter((one) => one !== heir);
  return {
    ...experiment,
    variants: [
      { ...heir, weight: hundredths(heir.weight + candidate.weight) },
      ...rest.map((one) => (one === candidate ? { ...one, weight: 0 } : one)),
    ],
  };
}

/** The versions of before stay loaded: a return must not wait for them. */
function versionsOf(
  { versions, shadows = [] }: ModelRouting,
  rollout: Part,
  { variants }: Experiment,
): string[] {
  const candidate = rollout.candidate.version;
  // No pod may wait for a version that cannot be loaded.
  const before = rollout.state.kind === 'rolled_back' ? restored(rollout) : undefined;
  const isGone = before?.versions.includes(candidate) === false;
  const served = [...variants, ...shadows].map(({ version }) => version);
  const needed = new Set([...served, rollout.control.version, ...(isGone ? [] : [candidate])]);
  const spare = versions.filter((version) => !needed.has(version) && !(isGone && version === candidate));
  // Oldest first.
  const kept = new Set(spare.slice(Math.max(0, spare.length + needed.size - MAX_VERSIONS)));
  return [...new Set([...versions, ...needed])].filter((of) => needed.has(of) || kept.has(of));
}

const rest = (weight: number) => hundredths(100 - weight);
/** 100 - 99.99 is 0.010000000000005116. */
const hundredths = (weight: number) => Math.round(weight * 100) / 100;
