import type { Rollout, RolloutPolicy } from '@headgate/contracts/rollout';
import { isActive } from '@headgate/contracts/rollout-active';
import { Badge } from '../../components/badge.tsx';
import { formatPercent } from '../../format.ts';
import { approvalWords, stepConditions } from './words.ts';

type Progress = Pick<Rollout, 'state' | 'transitions'>;

/** The steps of a policy; of a rollout also which are done, and which is in force or was rolled back. */
export function Steps({ policy, rollout }: { readonly policy: RolloutPolicy; readonly rollout?: Progress }) {
  const kind = rollout?.state.kind;
  const reached = rollout === undefined || kind === 'preparing' ? -1 : stepReached(rollout);
  return (
    <ol class="steps" aria-label="Steps">
      {policy.steps.map((step, index) => (
        <li
          key={step.weight}
          class={classOf(index - reached, kind)}
          aria-current={rollout && isActive(rollout) && index === reached ? 'step' : undefined}
        >
          <strong>{formatPercent(step.weight)}</strong>
          <span class="hint">
            {stepConditions(step)}, then {approvalWords(step)}
          </span>
          {kind === 'rolled_back' && index === reached && <Badge tone="bad">Rolled back here</Badge>}
        </li>
      ))}
    </ol>
  );
}

/** The last step that got units; -1 for none. */
function stepReached({ transitions }: Progress): number {
  const last = transitions.findLast(({ to }) => 'step' in to)?.to;
  return last !== undefined && 'step' in last ? last.step : -1;
}

/** @param after how many steps this one comes after the one that was reached */
function classOf(after: number, kind: Rollout['state']['kind'] | undefined): string | undefined {
  if (after === 0 && kind === 'rolled_back') return 'failed';
  return after < 0 || kind === 'promoted' ? 'done' : undefined;
}
