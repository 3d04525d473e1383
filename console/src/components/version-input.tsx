import type { Signal } from '@preact/signals';
import { liveModel } from './model.tsx';

/** Any version of the model repository may be typed; those that are served, without the control, are offered. */
export function VersionInput(props: {
  readonly attributes: { readonly id: string };
  readonly model: string;
  readonly value: Signal<string>;
}) {
  const { attributes, value } = props;
  const known = liveModel(props.model);
  const control = known?.variants.find(({ role }) => role === 'control')?.version;
  const offered = known?.versions.filter(({ version }) => version !== control) ?? [];
  return (
    <>
      <input
        {...attributes}
        list={`${attributes.id}-offered`}
        required
        maxLength={64}
        value={value.value}
        onInput={({ currentTarget }) => {
          value.value = currentTarget.value;
        }}
      />
      <datalist id={`${attributes.id}-offered`}>
        {offered.map(({ version }) => (
          <option key={version} value={version} />
        ))}
      </datalist>
    </>
  );
}
