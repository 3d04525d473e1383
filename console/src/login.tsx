import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type Failure, logIn } from './api.ts';
import { TextField } from './components/text-field.tsx';

/** Asks for an admin key. */
export function LoginForm() {
  const key = useSignal('');
  const failure = useSignal<Failure | undefined>(undefined);
  const isBusy = useSignal(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    const result = await logIn(key.value.trim());
    isBusy.value = false;
    failure.value = result.ok ? undefined : result.failure;
  };
  return (
    <form class="login" onSubmit={submit}>
      <TextField
        label="Admin key"
        hint={
          <>
            An API key with the role admin. To make one:{' '}
            <code>npx headgate keys create --name NAME --role admin</code>
          </>
        }
        problem={failure.value?.detail}
        inputRef={input}
        type="password"
        required
        value={key}
      />
      <button type="submit" class="primary" disabled={isBusy.value}>
        {isBusy.value ? 'Logging in …' : 'Log in'}
      </button>
    </form>
  );
}
