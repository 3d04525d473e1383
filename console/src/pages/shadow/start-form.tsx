import type { Shadow } from '@headgate/contracts/routing';
import { useSignal } from '@preact/signals';
import { Card } from '../../components/card.tsx';
import { Field } from '../../components/field.tsx';
import { VersionInput } from '../../components/version-input.tsx';

/** Starts the comparison of a version with the control. */
export function StartForm(props: {
  readonly model: string;
  readonly control: string;
  readonly isBusy: boolean;
  readonly onStart: (shadow: Shadow) => void;
}) {
  const version = useSignal('');
  const sample = useSignal('10');
  return (
    <Card title="Compare a version">
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          props.onStart({ version: version.value.trim(), sample: Number(sample.value) });
        }}
      >
        <div class="row start fields">
          <Field label="Version" hint={`Version ${props.control} is the control.`}>
            {(attributes) => <VersionInput attributes={attributes} model={props.model} value={version} />}
          </Field>
          <Field
            label="Requests to copy, in percent"
            hint="Under load the gateway drops copies before it refuses a request."
          >
            {(attributes) => (
              <input
                {...attributes}
                type="number"
                min="0.01"
                max="100"
                step="0.01"
                required
                value={sample.value}
                onInput={({ currentTarget }) => {
                  sample.value = currentTarget.value;
                }}
              />
            )}
          </Field>
        </div>
        <button type="submit" class="primary" disabled={props.isBusy}>
          Compare
        </button>
      </form>
    </Card>
  );
}
