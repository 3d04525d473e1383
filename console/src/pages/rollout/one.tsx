import type { RolloutView } from '@headgate/contracts/admin/api';
import { hadUnits, isActive } from '@headgate/contracts/rollout-active';
import { Badge } from '../../components/badge.tsx';
import { Card } from '../../components/card.tsx';
import { RefusedTable } from '../../components/refused-table.tsx';
import { Time } from '../../components/time.tsx';
import { live } from '../../live.ts';
import { href } from '../../router.ts';
import { Actions } from './actions.tsx';
import { EvidenceTable } from './evidence.tsx';
import { Steps } from './steps.tsx';
import { Timeline } from './timeline.tsx';
import { actor, inForceSentence, nextSentence, STATE_TONES, STATE_WORDS } from './words.ts';

/** One rollout: where it is, what comes next, what was measured, and the buttons. */
export function OneRollout(props: { readonly rollout: RolloutView; readonly onChange: () => void }) {
  const { rollout, onChange } = props;
  const { state, model, control, candidate } = rollout;
  const next = nextSentence(rollout);
  const inForce = live.value?.models.find((of) => of.model === model);
  return (
    <>
      <Card
        title={`${model}: version ${candidate.version} for version ${control.version}`}
        aside={<Badge tone={STATE_TONES[state.kind]}>{STATE_WORDS[state.kind]}</Badge>}
      >
        <Steps policy={rollout.policy} rollout={rollout} />
        {next !== undefined && <p>{next}</p>}
        {state.kind === 'preparing' && (
          <p>
            <a href={href('live')}>What is live</a> shows which gateways have the version ready; the log of
            inference says why it is not loaded.
          </p>
        )}
        {isActive(rollout) && live.value !== null && (
          <RefusedTable newest={live.value.routing}>
            Correct it, or <a href={href('weights', [model])}>save weights over it</a>; until then no rollout
            can be resumed.
          </RefusedTable>
        )}
        {isActive(rollout) ? (
          <Actions rollout={rollout} onChange={onChange} />
        ) : (
          inForce !== undefined && <p>{inForceSentence(inForce)}</p>
        )}
        <p class="hint">
          Started <Time atMs={rollout.started_at_ms} /> by {actor(rollout.started_by)}.{' '}
          {hadUnits(rollout) && (
            <a href={href('experiment', [model], { experiment: rollout.id })}>Which version is better</a>
          )}
        </p>
      </Card>
      <Card title="Guardrails">
        <EvidenceTable
          caption="Last measurement of each guardrail in this rollout"
          evidence={rollout.evidence}
        />
      </Card>
      <Card title="What happened">
        <Timeline rollout={rollout} />
      </Card>
    </>
  );
}
