import type { RolloutView } from '@headgate/contracts/admin/api';
import { isActive } from '@headgate/contracts/rollout-active';
import { now } from '../clock.ts';
import type { Tone } from '../components/badge.tsx';
import { Loaded } from '../components/loaded.tsx';
import { Page } from '../components/page.tsx';
import { changedRollouts } from '../live.ts';
import { useResource } from '../resource.ts';
import { route } from '../router.ts';
import { RolloutList } from './rollout/list.tsx';
import { OneRollout } from './rollout/one.tsx';
import { StartForm } from './rollout/start-form.tsx';
import { STATE_TONES, stateSentence, withChanges } from './rollout/words.ts';

/** Events say at once what changed; this is for the time without them. */
const RELOAD_MS = 10_000;

export function RolloutPage() {
  const [id] = route.value.params;
  const list = useResource<{ rollouts: RolloutView[] }>('/rollouts', { everyMs: RELOAD_MS });
  const { reload } = list;
  const known = list.value && withChanges(list.value.rollouts, changedRollouts.value);
  const chosen = chosenOf(known ?? [], id);
  return (
    <Page title="Rollout" answer={answerOf(known, chosen)} tone={toneOf(chosen)}>
      <Loaded of={list} what="the rollouts">
        {() => (
          <>
            {chosen !== undefined && <OneRollout key={chosen.id} rollout={chosen} onChange={reload} />}
            {id !== undefined && chosen === undefined && <p class="empty">There is no rollout “{id}”.</p>}
            <StartForm onStart={reload} />
            <RolloutList rollouts={known ?? []} chosen={chosen?.id} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

/** Without an id: the rollout in progress, else the newest one. */
function chosenOf(rollouts: readonly RolloutView[], id: string | undefined): RolloutView | undefined {
  if (id !== undefined) return rollouts.find((rollout) => rollout.id === id);
  return rollouts.find(isActive) ?? rollouts[0];
}

function answerOf(rollouts: readonly RolloutView[] | undefined, chosen: RolloutView | undefined) {
  if (rollouts === undefined) return undefined;
  return chosen === undefined ? 'No rollout has been started yet.' : stateSentence(chosen, now.value);
}

function toneOf(chosen: RolloutView | undefined): Tone {
  return chosen === undefined ? 'neutral' : STATE_TONES[chosen.state.kind];
}
