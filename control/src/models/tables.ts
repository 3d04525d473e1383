import {
  controlOf,
  MAX_VERSIONS,
  type ModelRouting,
  modelRouting,
  type Routing,
} from '@headgate/contracts/routing';
import { AdminError } from '../api/api-env.ts';

/** The table with another entry of a model; as it was where the model is gone. */
export function withModel(
  routing: Routing,
  model: string,
  change: (of: ModelRouting) => ModelRouting,
): Routing {
  const of = modelRouting(routing, model);
  return of ? { ...routing, models: { ...routing.models, [model]: change(of) } } : routing;
}

/** Which versions the registry asks for, and which ones must stay for a return. */
export interface Wanted {
  readonly wanted: readonly string[];
  readonly kept: readonly string[];
}

/**
 * With the versions that the registry asks for, and without those that were added for it and have no use any more.
 * Versions that an operator or a rollout added stay.
 *
 * @throws AdminError conflict where the model has no room for another one
 */
export function withStaged(of: ModelRouting, { wanted, kept }: Wanted): ModelRouting {
  const { staged: marked = [], ...rest } = of;
  const used = new Set([...serving(of), ...wanted, ...kept]);
  const isLeaving = (version: string) => marked.includes(version) && !used.has(version);
  const left = of.versions.filter((version) => !isLeaving(version));
  const joining = wanted.filter((version) => !left.includes(version));
  const versions = joined(left, joining);
  const staged = [...marked.filter((version) => left.includes(version)), ...joining];
  return { ...rest, versions, ...(staged.length > 0 && { staged }) };
}

/** A version more, without traffic. @throws AdminError conflict where the model has no room for it */
export const withLoaded = (of: ModelRouting, version: string): ModelRouting => ({
  ...of,
  versions: joined(of.versions, [version]),
});

/** Without a version, unless it gets units or copies. */
export const withoutIdle = (of: ModelRouting, version: string): ModelRouting => ({
  ...of,
  versions: of.versions.filter((one) => one !== version || serving(of).includes(version)),
});

const serving = ({ experiment, shadows = [] }: ModelRouting): string[] =>
  [...experiment.variants, ...shadows].map(({ version }) => version);

function joined(loaded: readonly string[], joining: readonly string[]): string[] {
  const versions = [...loaded, ...joining];
  if (versions.length <= MAX_VERSIONS) return versions;
  const all = loaded.join(', ');
  throw new AdminError(
    'conflict',
    `The routing table has no room for version ${joining.join(', ')}: remove one of ${all}.`,
  );
}

/** One version that gets all units, in an experiment of its own. The other versions stay loaded. */
export function withAllTo(
  of: ModelRouting,
  version: string,
  experiment: string,
  variant: string,
): ModelRouting {
  const { shadows = [], ...rest } = of;
  const left = shadows.filter((shadow) => shadow.version !== version);
  const variants = [{ name: variant, version, weight: 100 }];
  return {
    ...rest,
    versions: of.versions.includes(version) ? of.versions : [...of.versions, version],
    experiment: { name: experiment, salt: experiment, variants },
    ...(left.length > 0 && { shadows: left }),
  };
}

/** Name of the variant without units that says what was served before a staged version. */
const BEFORE = 'before';
const stagedName = (version: string) => `staged-${version}`.slice(0, 64);

/**
 * One version that gets all units because an alias names it.
 *
 * @param isReturnKept whether the table has to say what the control was: no champion says it
 */
export function withServed(
  of: ModelRouting,
  version: string,
  { isReturnKept }: { readonly isReturnKept: boolean },
): ModelRouting {
  const after = withAllTo(of, version, stagedName(version), `v${version}`.slice(0, 64));
  const before = beforeStaged(of) ?? controlVersion(of);
  if (!isReturnKept || before === version) return after;
  const variants = [...after.experiment.variants, { name: BEFORE, version: before, weight: 0 }];
  return { ...after, experiment: { ...after.experiment, variants } };
}

/** What was the control before a staged version took its place. */
export function beforeStaged({ experiment }: ModelRouting): string | undefined {
  const [control, ...others] = experiment.variants;
  if (experiment.name !== stagedName(control?.version ?? '')) return undefined;
  return others.find(({ name, weight }) => name === BEFORE && weight === 0)?.version;
}

export const controlVersion = ({ experiment }: ModelRouting): string => controlOf(experiment).version;
