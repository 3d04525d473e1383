import type { ComponentChildren } from 'preact';

/** `good` and `bad` are states of health; words always say it too, colour alone never does. */
export type Tone = 'neutral' | 'good' | 'warn' | 'bad' | 'info';

const MARKS: Readonly<Record<Tone, string>> = { neutral: '○', good: '●', warn: '▲', bad: '✕', info: '◆' };

export function Badge({ tone = 'neutral', children }: { tone?: Tone; children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`}>
      <span aria-hidden="true">{MARKS[tone]}</span> {children}
    </span>
  );
}
