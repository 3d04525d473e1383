import type { ModelVersionView, ModelView, RegistryState } from '@headgate/contracts/admin/api';
import type { VersionState } from '@headgate/contracts/admin/version-words';
import type { Tone } from '../../components/badge.tsx';

/** Which version serves, and what waits for a person. */
export function answerOf({ models }: { readonly models: readonly ModelView[] }): string {
  return models.map(sentenceOf).join(' ');
}

function sentenceOf({ model, versions }: ModelView): string {
  const control = versions.find(({ role }) => role === 'control')?.version;
  const candidate = versions.find(isCandidate)?.version;
  const waits =
    candidate === undefined ? '' : ` Version ${candidate} is the candidate: it waits for an approval.`;
  return `Version ${control} serves ${model}.${waits}`;
}

/** Whether the version may be approved. */
export const isCandidate = ({ aliases, complete, role }: ModelVersionView): boolean =>
  aliases.includes('candidate') && complete && role !== 'control';

/** Whether there is something to take away from it. */
export const isRejectable = ({ aliases, role }: ModelVersionView): boolean =>
  role !== 'control' && aliases.some((alias) => alias === 'candidate' || alias === 'staging');

/** What a rollback can lead to, by the version to ask for, with words; the first one is what it does by itself. */
export function rollbackTargets(
  { rollback_to, versions }: ModelView,
  isInRollout: boolean,
): (readonly [version: string, label: string])[] {
  const control = versions.find(({ role }) => role === 'control')?.version;
  const own = isInRollout ? control : rollback_to;
  // Others have served before, or are in the routing table and in no registry.
  const others = versions.filter(
    ({ version, created_at_ms, stage, problem }) =>
      (created_at_ms === null || stage === 'Archived') &&
      problem === null &&
      version !== control &&
      version !== own,
  );
  const why = isInRollout ? ': the rollout ends' : ', the control before';
  return [
    ...(own ? [['', `version ${own}${why}`] as const] : []),
    ...others.map(
      ({ version, rejected }) =>
        [version, `version ${version}${rejected === null ? '' : ' (rejected)'}`] as const,
    ),
  ];
}

export const STATE_TONES: Readonly<Record<VersionState, Tone>> = {
  champion: 'good',
  candidate: 'info',
  staging: 'info',
  rejected: 'bad',
  incomplete: 'warn',
  archived: 'neutral',
  registered: 'neutral',
  'not registered': 'neutral',
};

/** What is wrong with the registry, with its remedy; undefined when it answers. */
export function registryNote({ state, detail }: RegistryState): { text: string; tone: Tone } | undefined {
  if (state === 'ok') return undefined;
  if (state === 'none')
    return { text: `${detail} Until then versions come from the models folder alone.`, tone: 'info' };
  const rest = 'What is served stays, and a rollback works; nothing can be approved or rejected.';
  return { text: `${detail} ${rest}`, tone: 'warn' };
}

/** A metric beside the one of the control: `+0.012`; empty for the control, or where one of them has none. */
export function differenceTo(
  control: ModelVersionView | undefined,
  one: ModelVersionView,
  metric: string,
): string {
  const [value, other] = [one.metrics[metric], control?.metrics[metric]];
  if (value === undefined || other === undefined || control?.version === one.version) return '';
  const difference = Number((value - other).toPrecision(3));
  return `${difference >= 0 ? '+' : ''}${difference}`;
}
