import { type Signal, useSignal } from '@preact/signals';
import { useId, useRef } from 'preact/hooks';
import { colourOf, VariantName } from '../../components/bars.tsx';
import { formatPercent } from '../../format.ts';
import { type Part, parsePercent, withPart } from './sum.ts';

/** A variant's share, by slider or number. The other shares follow. */
export function Slider(props: {
  parts: Signal<readonly Part[]>;
  index: number;
  version: string | undefined;
  isLocked: boolean;
}) {
  const { parts, index, version, isLocked } = props;
  const { name, hundredths } = parts.value[index] as Part;
  /** What is typed: it stays while it is no percentage. */
  const typed = useSignal<string | undefined>(undefined);
  /** What the variant had before: what is wrong changes nothing. */
  const before = useRef(hundredths);
  const note = useId();
  const set = (to: number | undefined, text?: string) => {
    typed.value = text;
    if (to !== undefined) parts.value = withPart(parts.value, index, to);
  };
  const isWrong = typed.value !== undefined && parsePercent(typed.value) === undefined;
  return (
    <div class="slider">
      <VariantName index={index}>
        {name} <span class="muted">version {version}</span>
      </VariantName>
      <input
        type="range"
        class={`v${colourOf(index)}`}
        aria-label={`Share of ${name}`}
        aria-valuetext={formatPercent(hundredths / 100)}
        min={0}
        max={100}
        step={1}
        value={hundredths / 100}
        disabled={isLocked}
        onInput={({ currentTarget }) => set(Number(currentTarget.value) * 100)}
      />
      <span>
        <input
          inputMode="decimal"
          aria-label={`Share of ${name} in percent, at most two decimals`}
          aria-invalid={isWrong}
          aria-describedby={isWrong ? note : undefined}
          value={typed.value ?? hundredths / 100}
          disabled={isLocked}
          onFocus={() => {
            before.current = hundredths;
          }}
          onInput={({ currentTarget: { value } }) => set(parsePercent(value) ?? before.current, value)}
          onBlur={() => {
            if (!isWrong) typed.value = undefined;
          }}
        />{' '}
        %
      </span>
      {isWrong && (
        <p id={note} class="problem" role="alert">
          Not taken: write a number from 0 to 100 with at most two decimals.
        </p>
      )}
    </div>
  );
}
