import type { RolloutActionName, RolloutView } from '@headgate/contracts/admin/api';
import { useSignal } from '@preact/signals';
import { call } from '../../api.ts';
import { Dialog } from '../../components/dialog.tsx';
import { Field } from '../../components/field.tsx';
import { toast } from '../../components/toast.tsx';
import { nextSentence } from './words.ts';

const DONE: Readonly<Record<RolloutActionName, string>> = {
  promote: 'Promoted.',
  pause: 'Paused: the weights stay as they are, and the guardrails keep watching.',
  resume: 'Resumed.',
  rollback: 'Rolled back: all units get the control again.',
};

/** A rollback is the safe way: it asks nothing. A promotion gives the candidate more units: it asks once. */
export function Actions(props: { readonly rollout: RolloutView; readonly onChange: () => void }) {
  const { rollout, onChange } = props;
  const isAsking = useSignal(false);
  const isBusy = useSignal(false);
  const act = async (action: RolloutActionName, why?: string) => {
    isBusy.value = true;
    const path = `/rollouts/${encodeURIComponent(rollout.id)}/${action}`;
    const result = await call<RolloutView>('POST', path, { body: why ? { why } : {} });
    isBusy.value = false;
    if (result.ok) toast(DONE[action]);
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
      {rollout.state.kind === 'paused' ? button('resume', 'Resume') : button('pause', 'Pause')}
      {rollout.state.kind !== 'preparing' && (
        <button
          type="button"
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
        onEnd={(why) => {
          isAsking.value = false;
          if (why !== undefined) void act('promote', why);
        }}
      />
    </div>
  );
}

/** `onEnd` gets the reason, which may be empty; undefined when nothing is to be done. */
function PromoteDialog(props: {
  readonly rollout: RolloutView;
  readonly open: boolean;
  readonly onEnd: (why: string | undefined) => void;
}) {
  const why = useSignal('');
  const { rollout, open, onEnd } = props;
  return (
    <Dialog title="Promote this step?" open={open} onClose={() => onEnd(undefined)}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          onEnd(why.value.trim());
        }}
      >
        <p>The step ends now, also if it has not lasted its time. {nextSentence(rollout)}</p>
        <Field label="Why (optional)" hint="Stands in the timeline and in the audit log.">
          {(attributes) => (
            <input
              {...attributes}
              maxLength={500}
              value={why.value}
              onInput={({ currentTarget }) => {
                why.value = currentTarget.value;
              }}
            />
          )}
        </Field>
        <div class="row start">
          <button type="submit" class="primary">
            Promote
          </button>
          <button type="button" onClick={() => onEnd(undefined)}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}
