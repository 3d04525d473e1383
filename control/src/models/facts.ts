import type { Stage } from '@headgate/contracts/admin/api';
import { type Alias, TAG } from '@headgate/contracts/registry';
import type { Rollout } from '@headgate/contracts/rollout';
import type { Content } from './content.ts';
import type { Registered, RegisteredVersion } from './registry.ts';

/** One change of the registry. */
export type Fact =
  | { readonly kind: 'alias'; readonly alias: Alias; readonly version: string | null }
  | { readonly kind: 'tag'; readonly version: string; readonly tag: string; readonly value: string | null };

/** The control of the routing table. It becomes the champion only while it is served as it was registered. */
export interface ControlVersion {
  readonly version: string;
  readonly content: Content;
}

/**
 * What the registry has to be told, in this order: which version is the champion, which rollout rejected a version, and
 * the stage of each version. Empty once it says all of that. A value or a version of null: to be deleted.
 *
 * @param rollouts of the model, newest first
 */
export function factsOf(
  { aliases, versions }: Registered,
  control: ControlVersion,
  rollouts: readonly Rollout[],
): Fact[] {
  const served = control.content === 'registered' ? control.version : undefined;
  const champion = served ?? aliases.champion;
  const rejected = versions.flatMap((one) => rejectedBy(one, control.version, rollouts));
  const accepted = versions.filter((one) => one.version === served && TAG.rejected in one.tags);
  const decided = new Set([served, ...rejected.map(({ version }) => version)]);
  const waiting = (['candidate', 'staging'] as const).filter((alias) => aliases[alias] !== undefined);
  const leaving = waiting.filter((alias) => decided.has(aliases[alias]));
  const staged = waiting.filter((alias) => !leaving.includes(alias)).map((alias) => aliases[alias]);
  return [
    ...(champion === undefined || aliases.champion === champion
      ? []
      : [{ kind: 'alias', alias: 'champion', version: champion } as const]),
    ...accepted.map(({ version }) => ({ kind: 'tag', version, tag: TAG.rejected, value: null }) as const),
    ...leaving.map((alias) => ({ kind: 'alias', alias, version: null }) as const),
    // Its last tag names the rollout: until that is set, all of these are tried again.
    ...rejected,
    ...versions.flatMap((one) => stageFact(one, stageOf(one, champion, staged))),
  ];
}

/** Its newest rollout, where that was rolled back and the registry does not say so yet. */
function rejectedBy(
  { version, tags }: RegisteredVersion,
  control: string,
  rollouts: readonly Rollout[],
): Extract<Fact, { kind: 'tag' }>[] {
  const newest = rollouts.find(({ candidate }) => candidate.version === version);
  if (newest?.state.kind !== 'rolled_back' || version === control) return [];
  const { by, why } = newest.state;
  // A person may make the version a candidate again, or reject it with words of their own.
  if (tags[TAG.turnedDownBy] === newest.id) return [];
  const value = `rollout ${newest.id} was rolled back by ${by}${why === '' ? '' : `: ${why}`}`;
  return [
    { kind: 'tag', version, tag: TAG.rejected, value },
    { kind: 'tag', version, tag: TAG.turnedDownBy, value: newest.id },
  ];
}

function stageOf(
  one: RegisteredVersion,
  champion: string | undefined,
  staged: readonly (string | undefined)[],
): Stage {
  if (one.version === champion) return 'Production';
  if (staged.includes(one.version)) return 'Staging';
  const before = one.tags[TAG.stage];
  return before === 'Production' || before === 'Archived' ? 'Archived' : 'None';
}

function stageFact({ version, tags }: RegisteredVersion, stage: Stage): Fact[] {
  if ((tags[TAG.stage] ?? 'None') === stage) return [];
  return [{ kind: 'tag', version, tag: TAG.stage, value: stage }];
}
