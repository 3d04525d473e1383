import type { Stage } from '@headgate/contracts/admin/api';
import { type Alias, TAG } from '@headgate/contracts/registry';
import type { Rollout } from '@headgate/contracts/rollout';
import type { Registered, RegisteredVersion } from './registry.ts';

/** One change of the registry. */
export type Fact =
  | { readonly kind: 'alias'; readonly alias: Alias; readonly version: string | null }
  | { readonly kind: 'tag'; readonly version: string; readonly tag: string; readonly value: string | null };

/** The version that the routing table has as the control. */
export interface ControlVersion {
  readonly version: string;
  /** False: it is not served as it was registered, or nobody knows. The registry is then told nothing of it. */
  readonly isAsRegistered: boolean;
}

/**
 * What the registry has to be told, in this order: which version is the champion, which rollout turned a version down,
 * and the stage of each version. Empty once it says all of that. A value or a version of null: to be deleted.
 *
 * @param rollouts of the model, newest first
 */
export function factsOf(
  { aliases, versions }: Registered,
  { version: control, isAsRegistered }: ControlVersion,
  rollouts: readonly Rollout[],
): Fact[] {
  const turnedDown = versions.flatMap((one) => turnedDownBy(one, control, rollouts));
  // The control, and what was rejected, waits for nothing any more.
  const isOver = new Set(turnedDown.map(({ version }) => version));
  if (isAsRegistered) isOver.add(control);
  const waiting = (['candidate', 'staging'] as const).filter((alias) => aliases[alias] !== undefined);
  const leaving = waiting.filter((alias) => isOver.has(aliases[alias] ?? ''));
  const staged = waiting.filter((alias) => !leaving.includes(alias)).map((alias) => aliases[alias]);
  // The tag with the rollout goes last: as long as it is not there, all of them are tried again.
  const left = [...leaving.map((alias) => ({ kind: 'alias', alias, version: null }) as const), ...turnedDown];
  if (!isAsRegistered) return left;
  const forgiven = versions.filter((one) => one.version === control && TAG.rejected in one.tags);
  return [
    ...(aliases.champion === control
      ? []
      : [{ kind: 'alias', alias: 'champion', version: control } as const]),
    ...forgiven.map(({ version }) => ({ kind: 'tag', version, tag: TAG.rejected, value: null }) as const),
    ...left,
    ...versions.flatMap((one) => stageFact(one, stageOf(one, control, staged))),
  ];
}

/** Its newest rollout, where that was rolled back and the registry does not say so yet. */
function turnedDownBy(
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

function stageOf(one: RegisteredVersion, control: string, staged: readonly (string | undefined)[]): Stage {
  if (one.version === control) return 'Production';
  if (staged.includes(one.version)) return 'Staging';
  const before = one.tags[TAG.stage];
  return before === 'Production' || before === 'Archived' ? 'Archived' : 'None';
}

function stageFact({ version, tags }: RegisteredVersion, stage: Stage): Fact[] {
  if ((tags[TAG.stage] ?? 'None') === stage) return [];
  return [{ kind: 'tag', version, tag: TAG.stage, value: stage }];
}
