import type { RolloutView } from '@headgate/contracts/admin/api';
import type { Transition } from '@headgate/contracts/rollout';
import { isActive } from '@headgate/contracts/rollout-active';
import { Badge } from '../../components/badge.tsx';
import { Time } from '../../components/time.tsx';
import { EvidenceTable } from './evidence.tsx';
import { actor, STATE_TONES, STATE_WORDS, transitionWords } from './words.ts';

/** What happened, newest first, each with what was measured at that time. */
export function Timeline({ rollout: { transitions, policy } }: { readonly rollout: RolloutView }) {
  return (
    <ol class="timeline" reversed>
      {transitions.toReversed().map((transition) => (
        <li key={`${transition.at_ms} ${transition.to.kind}`}>
          <p>
            <Badge tone={STATE_TONES[transition.to.kind]}>{STATE_WORDS[transition.to.kind]}</Badge>{' '}
            {transitionWords(transition, policy)}
          </p>
          <p class="hint">
            <Time atMs={transition.at_ms} /> by {actor(transition.by)}
          </p>
          <Measured transition={transition} />
        </li>
      ))}
    </ol>
  );
}

function Measured({ transition: { evidence, to } }: { readonly transition: Transition }) {
  if (evidence.length === 0) return null;
  return (
    <details open={!isActive({ state: to })}>
      <summary>What was measured</summary>
      <EvidenceTable caption="Measurements of this transition" evidence={evidence} />
    </details>
  );
}
