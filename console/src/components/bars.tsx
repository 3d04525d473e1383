import type { ComponentChildren } from 'preact';

/** Number of the colour of a variant: 0 is control. */
export type VariantColour = 0 | 1 | 2;

export function colourOf(index: number): VariantColour {
  return Math.min(Math.max(index, 0), 2) as VariantColour;
}

export interface Share {
  readonly name: string;
  readonly percent: number;
}

/** Shares of a whole beside each other. The first one is control. */
export function ShareBar({ label, shares }: { label: string; shares: readonly Share[] }) {
  return (
    <div class="share-bar" role="img" aria-label={label}>
      {shares.map(({ name, percent }, index) => (
        <span
          key={name}
          class={`v${colourOf(index)}`}
          style={{ flexGrow: percent, display: percent === 0 ? 'none' : undefined }}
          title={`${name} ${percent} %`}
        />
      ))}
    </div>
  );
}

/** The square that ties a name to its colour in bars and charts. */
export function VariantName({ index, children }: { index: number; children: ComponentChildren }) {
  return (
    <span class="variant">
      <span class={`swatch v${colourOf(index)}`} aria-hidden="true" />
      <span class="text">{children}</span>
    </span>
  );
}

export interface IntervalBarProps {
  /** For screen readers: value, interval and reference in words. */
  readonly label: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** Target, limit or zero. */
  readonly reference: number;
  /** Ends of the scale. */
  readonly domain: readonly [number, number];
  readonly colour?: VariantColour;
}

/** A value with its interval against a reference, on a scale. */
export function IntervalBar({ label, value, low, high, reference, domain, colour = 0 }: IntervalBarProps) {
  const [from, to] = domain;
  const at = (x: number) => (100 * (Math.min(Math.max(x, from), to) - from)) / (to - from || 1);
  return (
    <svg class={`interval-bar v${colour}`} role="img" aria-label={label}>
      <title>{label}</title>
      <line class="axis" x1="0" x2="100%" y1="50%" y2="50%" />
      <rect
        class="range"
        x={`${at(low)}%`}
        width={`${Math.max(at(high) - at(low), 0.5)}%`}
        y="5"
        height="8"
      />
      <line class="reference" x1={`${at(reference)}%`} x2={`${at(reference)}%`} y1="0" y2="100%" />
      <circle class="value" cx={`${at(value)}%`} cy="50%" r="3.5" />
    </svg>
  );
}
