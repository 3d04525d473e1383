import { useId } from 'preact/hooks';

export interface SelectProps {
  readonly attributes?: object;
  /** Values, or values with their labels. */
  readonly of: readonly (string | readonly [value: string | number, label: string])[];
  readonly value: string | number | undefined;
  readonly onChange: (value: string) => void;
}

/** A choice of one. */
export function Select({ attributes, of, value: chosen, onChange }: SelectProps) {
  return (
    <select {...attributes} value={chosen} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
      {of
        .map((option) => (typeof option === 'string' ? ([option, option] as const) : option))
        .map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
    </select>
  );
}

/** With its label before it. */
export function Picker({ label, ...select }: SelectProps & { readonly label: string }) {
  const id = useId();
  return (
    <span>
      <label for={id}>{label}</label> <Select {...select} attributes={{ id }} />
    </span>
  );
}
