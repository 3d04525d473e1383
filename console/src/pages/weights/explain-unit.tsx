import type { Explanation } from '@headgate/contracts/admin/api';
import { useSignal } from '@preact/signals';
import { Card } from '../../components/card.tsx';
import { Field } from '../../components/field.tsx';
import { Loaded } from '../../components/loaded.tsx';
import { useResource } from '../../resource.ts';

/** Which variant a unit gets, and why. */
export function ExplainUnit({ model }: { model: string }) {
  const typed = useSignal('');
  const unit = useSignal('');
  const path = `/routing/${encodeURIComponent(model)}/explain?${new URLSearchParams({ unit: unit.value })}`;
  const explanation = useResource<Explanation>(unit.value === '' ? null : path);
  return (
    <Card title="Which variant does a unit get?">
      <form
        class="row start"
        onSubmit={(event) => {
          event.preventDefault();
          unit.value = typed.value.trim();
        }}
      >
        <Field label="Unit" hint="A value of X-Headgate-Unit, or the id of an API key.">
          {(attributes) => (
            <input
              {...attributes}
              required
              maxLength={256}
              value={typed.value}
              onInput={({ currentTarget }) => {
                typed.value = currentTarget.value;
              }}
            />
          )}
        </Field>
        <button type="submit">Explain</button>
      </form>
      {unit.value !== '' && (
        <Loaded of={explanation} what="the explanation">
          {({ assigned, served, why, bucket, range: [from, end] }) => (
            <div class="stack" aria-live="polite">
              <p>
                <strong>
                  {unit.value} gets {served.variant} (version {served.version})
                </strong>
                {served.variant !== assigned.variant && ` in place of ${assigned.variant}`}. Its bucket is{' '}
                {bucket}; {assigned.variant} has {from} to {end - 1}.
              </p>
              <ol>
                {why.map((reason) => (
                  <li key={reason}>{reason}</li>
                ))}
              </ol>
            </div>
          )}
        </Loaded>
      )}
    </Card>
  );
}
