import { signal } from '@preact/signals';
import type { Tone } from './badge.tsx';

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: Tone;
}

const toasts = signal<readonly Toast[]>([]);
let lastId = 0;

/** Long enough to read two lines. */
const SHOWN_MS = 8000;

/** Says what an action did. Failures stay until they are closed. */
export function toast(text: string, tone: Tone = 'good'): void {
  lastId += 1;
  const id = lastId;
  toasts.value = [...toasts.value.slice(-2), { id, text, tone }];
  if (tone !== 'bad') setTimeout(close, SHOWN_MS, id);
}

function close(id: number): void {
  toasts.value = toasts.value.filter((each) => each.id !== id);
}

/** Stands once in the shell. */
export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, text, tone }) => (
        <div key={id} class={`note ${tone} row`}>
          <p>{text}</p>
          <button type="button" class="quiet" aria-label="Close this message" onClick={() => close(id)}>
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}
