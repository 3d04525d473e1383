import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Tone } from './badge.tsx';

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: Tone;
}

const toasts = signal<readonly Toast[]>([]);
let lastId = 0;

/** Long enough to read two lines, and to copy what failed. */
const SHOWN_MS = { done: 8000, failed: 30_000 };

/** Says what an action did. */
export function toast(text: string, tone: Tone = 'good'): void {
  lastId += 1;
  const id = lastId;
  toasts.value = [...toasts.value.slice(-2), { id, text, tone }];
  setTimeout(close, tone === 'bad' ? SHOWN_MS.failed : SHOWN_MS.done, id);
}

function close(id: number | undefined): void {
  toasts.value = toasts.value.filter((each) => each.id !== id);
}

/** Escape closes the last message, unless a dialog takes the key. */
function closeByKey({ key }: KeyboardEvent): void {
  if (key === 'Escape' && document.querySelector('dialog[open]') === null) close(toasts.value.at(-1)?.id);
}

/** Stands once, as the last part of the page: messages have room of their own there. */
export function Toasts() {
  useEffect(() => {
    addEventListener('keydown', closeByKey);
    return () => removeEventListener('keydown', closeByKey);
  }, []);
  return (
    <div class="toasts" role="status">
      {toasts.value.map(({ id, text, tone }) => (
        <div key={id} class={`note ${tone} row`}>
          <p>{text}</p>
          <button
            type="button"
            class="quiet"
            aria-label="Close this message"
            title="Close (Esc)"
            onClick={() => close(id)}
          >
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}
