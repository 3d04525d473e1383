import type { Signal } from '@preact/signals';
import type { ComponentChildren, Ref } from 'preact';
import { Field } from './field.tsx';

export interface TextFieldProps {
  readonly label: string;
  readonly hint?: ComponentChildren;
  readonly problem?: string | undefined;
  readonly type?: 'text' | 'search' | 'password';
  readonly class?: string;
  readonly required?: boolean;
  /** What is typed. */
  readonly value: Signal<string>;
  readonly inputRef?: Ref<HTMLInputElement>;
}

/** A field of one line. */
export function TextField(props: TextFieldProps) {
  const { label, hint, problem, type = 'text', required = false, value, inputRef = null } = props;
  return (
    <Field label={label} hint={hint} problem={problem}>
      {(attributes) => (
        <input
          {...attributes}
          ref={inputRef}
          // The types of Preact tell kinds of inputs apart; these three take the same attributes.
          type={type as 'text'}
          autoComplete={type === 'password' ? 'current-password' : 'off'}
          class={props.class}
          required={required}
          maxLength={256}
          value={value.value}
          onInput={({ currentTarget }) => {
            value.value = currentTarget.value;
          }}
        />
      )}
    </Field>
  );
}
