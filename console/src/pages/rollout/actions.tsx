import type { RolloutActionName, RolloutView } from '@headgate/contracts/admin/api';
import { useSignal } from '@preact/signals';
import { call } from '../../api.ts';
import { now } from '../../clock.ts';
import { Dialog } from '../../components/dialog.tsx';
import { toast } from '../../components/toast.tsx';
import { live } from '../../live.ts';
import { nextSentence, stateSentence } from './words.ts';

/** A rollback is the safe way: it asks nothing. A promotion gives the candidate more units: it asks once. */
export function Actions(props: { readonly rollout: RolloutView; readonly onChange: () => void }) {
  const { rollout, onChange } = props;
  const isAsking = useSignal(false);
  const isBusy = useSignal(false);
  const isTableRefused = (live.value?.routing.refused.length ?? 0) > 0;
  const act = async (action: RolloutActionName) => {
    isBusy.value = true;
    const path = `/rollouts/${encodeURIComponent(rollout.id)}/${action}`;
    const result = await call<RolloutView>('POST', path, { body: {} });
    isBusy.value = false;
    if (result.ok) toast(stateSentence(result.value, now.value));
    else toast(result.failure.detail, 'bad');
    onChange();
  };
  const button = (action: RolloutActionName, label: string, kind?: string) => (
    <button type="button" class={kind} disabled={isBusy.value} onClick={() => act(action)}>
      {label}
    </button>
  );
  return (
    <div class="row start">
      {button('rollback', 'Roll back', 'danger')}
      {rollout.state.kind !== 'paused' && button('pause', 'Pause')}
      {rollout.state.kind === 'paused' && !isTableRefused && button('resume', 'Resume')}
      {rollout.state.kind !== 'preparing' && (
        <button
          type="button"
          class={rollout.state.kind === 'awaiting_approval' ? 'primary' : undefined}
          disabled={isBusy.value}
          onClick={() => {
            isAsking.value = true;
          }}
        >
          Promote …
        </button>
      )}
      <PromoteDialog
        rollout={rollout}
        open={isAsking.value}
        onEnd={(isWanted) => {
          isAsking.value = false;
          if (isWanted) void act('promote');
        }}
      />
    </div>
  );
}

function PromoteDialog(props: {
  readonly rollout: RolloutView;
  readonly open: boolean;
  readonly onEnd: (isWanted: boolean) => void;
}) {
  const { rollout, open, onEnd } = props;
  return (
    <Dialog title="Promote this step?" open={open} onClose={() => onEnd(false)}>
      <p>The step ends now, even if it has not lasted as long as its policy says. {nextSentence(rollout)}</p>
      <div class="row start">
        <button type="button" class="primary" onClick={() => onEnd(true)}>
          Promote
        </button>
        <button type="button" onClick={() => onEnd(false)}>
          Cancel
        </button>
      </div>
    </Dialog>
  );
}
