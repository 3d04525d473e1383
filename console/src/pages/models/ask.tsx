import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { call, type Failure } from '../../api.ts';
import { Dialog } from '../../components/dialog.tsx';
import { ErrorNote } from '../../components/loaded.tsx';
import { TextField } from '../../components/text-field.tsx';
import { toast } from '../../components/toast.tsx';

interface AskProps<T> {
  /** On the button, without its dots, and on the one that confirms. */
  readonly label: string;
  readonly kind?: string;
  readonly title: string;
  /** Below the base of the API. */
  readonly path: string;
  /** Beside the reason. */
  readonly body: object;
  readonly isWhyRequired?: boolean;
  readonly children: ComponentChildren;
  readonly done: (answer: T) => string;
  readonly onDone: (answer: T) => void;
}

/** The dialog's state, and what its buttons do. */
function useAsk<T>(props: AskProps<T>) {
  const isOpen = useSignal(false);
  const isBusy = useSignal(false);
  const why = useSignal('');
  const failure = useSignal<Failure | undefined>(undefined);
  const show = (open: boolean) => {
    isOpen.value = open;
    failure.value = undefined;
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    const reason = why.value.trim();
    const body = { ...props.body, ...(reason !== '' && { why: reason }) };
    const result = await call<T>('POST', props.path, { body });
    isBusy.value = false;
    failure.value = result.ok ? undefined : result.failure;
    if (!result.ok) return;
    show(false);
    toast(props.done(result.value));
    props.onDone(result.value);
  };
  return { isOpen, isBusy, why, failure, show, submit };
}

/** A change of a model that asks before it acts: a button, and a dialog with a reason. A refusal stays in the dialog. */
export function Ask<T>(props: AskProps<T>) {
  const { isOpen, isBusy, why, failure, show, submit } = useAsk(props);
  return (
    <>
      <button type="button" class={props.kind} onClick={() => show(true)}>
        {props.label} …
      </button>
      <Dialog title={props.title} open={isOpen.value} onClose={() => show(false)}>
        <form class="form" onSubmit={submit}>
          {failure.value !== undefined && <ErrorNote failure={failure.value} />}
          {props.children}
          <TextField
            label={props.isWhyRequired ? 'Reason' : 'Reason (optional)'}
            hint="For the audit log."
            required={props.isWhyRequired ?? false}
            value={why}
          />
          <div class="row start">
            <button type="submit" class={props.kind ?? 'primary'} disabled={isBusy.value}>
              {props.label}
            </button>
            <button type="button" onClick={() => show(false)}>
              Cancel
            </button>
          </div>
        </form>
      </Dialog>
    </>
  );
}
