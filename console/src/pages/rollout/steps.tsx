import type { RolloutPolicy } from '@headgate/contracts/rollout';
import { formatPercent } from '../../format.ts';
import { approvalWords, stepConditions } from './words.ts';

/** The steps of a policy. `current` is in force; those before it are done. */
export function Steps({ policy, current }: { readonly policy: RolloutPolicy; readonly current?: number }) {
  return (
    <ol class="steps" aria-label="Steps">
      {policy.steps.map((step, index) => (
        <li
          key={step.weight}
          class={current !== undefined && index < current ? 'done' : undefined}
          aria-current={index === current ? 'step' : undefined}
        >
          <strong>{formatPercent(step.weight)}</strong>
          <span class="hint">
            {stepConditions(step)}, then {approvalWords(step)}
          </span>
        </li>
      ))}
    </ol>
  );
}
