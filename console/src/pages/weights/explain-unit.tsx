import type { Explanation } from '@headgate/contracts/admin/api';
import { useSignal } from '@preact/signals';
import { Card } from '../../components/card.tsx';
import { Field } from '../../components/field.tsx';
import { Loaded } from '../../components/loaded.tsx';
import { Select } from '../../components/select.tsx';
import { TextField } from '../../components/text-field.tsx';
import { useResource } from '../../resource.ts';

/** What a caller is known by: a unit that it names, else its key. */
const KINDS = { unit: 'X-Headgate-Unit', key: 'Id of the API key' } as const;
type Kind = keyof typeof KINDS;

/** Which variant a unit gets, and why. */
export function ExplainUnit({ model }: { model: string }) {
  const kind = useSignal<Kind>('unit');
  const typed = useSignal('');
  const asked = useSignal<{ readonly kind: Kind; readonly value: string } | undefined>(undefined);
  return (
    <Card title="Which variant does a unit get?">
      <form
        class="row start bottom"
        onSubmit={(event) => {
          event.preventDefault();
          asked.value = { kind: kind.value, value: typed.value };
        }}
      >
        <Field label="Known by">
          {(attributes) => (
            <Select
              attributes={attributes}
              of={Object.entries(KINDS)}
              value={kind.value}
              onChange={(name) => {
                kind.value = name as Kind;
              }}
            />
          )}
        </Field>
        <TextField label="Value" required value={typed} />
        <button type="submit">Explain</button>
      </form>
      {asked.value !== undefined && <Explained model={model} {...asked.value} />}
    </Card>
  );
}

function Explained({ model, kind, value }: { model: string; kind: Kind; value: string }) {
  const query = new URLSearchParams({ [kind]: value });
  const explanation = useResource<Explanation>(`/routing/${encodeURIComponent(model)}/explain?${query}`);
  return (
    <Loaded of={explanation} what="the explanation">
      {({ assigned, served, why, bucket, range: [from, end] }) => (
        <div class="stack" aria-live="polite">
          <p>
            <strong>
              {value} gets {served.variant} (version {served.version})
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
  );
}
