import { effect } from '@preact/signals';
import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { theme } from '../theme.ts';
import { describePoint, type IntervalPoint, thin } from './chart-points.ts';
import { ChartTable } from './chart-table.tsx';
import { createPlot, toData } from './plot.ts';

export interface IntervalChartProps {
  /** What is drawn, such as `Success rate: int8 minus fp32`. */
  readonly name: string;
  /** Of all values, such as `ms`; may be empty. */
  readonly unit: string;
  /** No value is beyond it, on either side of zero. */
  readonly limit?: number;
  /** Oldest first. */
  readonly points: readonly IntervalPoint[];
}

/** Keys that move the cursor, and by how many points. */
const STEPS: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowRight: 1,
  PageUp: -10,
  PageDown: 10,
  Home: Number.NEGATIVE_INFINITY,
  End: Number.POSITIVE_INFINITY,
};

/**
 * A difference and its interval over time. The canvas says nothing to a screen reader, so the arrow keys read one point
 * after the other, and a table has them all. Nothing moves by itself: there is no motion to reduce.
 */
export function IntervalChart({ name, unit, limit = Infinity, points: all }: IntervalChartProps) {
  const points = useMemo(() => thin(all), [all]);
  const [selected, select] = useState<number | null>(null);
  const { element, moveTo } = usePlot(points, limit, select);
  const id = useId();
  const last = points.length - 1;
  const shown = points[selected ?? last];
  const onKeyDown = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    moveTo(Math.min(Math.max((selected ?? last) + step, 0), last));
  };
  return (
    <figure class="chart" aria-labelledby={id}>
      <figcaption id={id}>{unit === '' ? name : `${name}, in ${unit}`}</figcaption>
      <div
        ref={element}
        class="chart-plot"
        role="application"
        aria-label={`Chart of ${name}. The left and right arrow keys read its points.`}
        aria-details={`${id}-table`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys read it
        tabIndex={0}
        onKeyDown={onKeyDown}
      />
      <p class="chart-readout" aria-live="polite">
        {shown ? describePoint(shown, unit) : 'Nothing has been measured yet.'}
      </p>
      <ChartTable id={`${id}-table`} name={name} points={points} />
    </figure>
  );
}

/** Keeps a plot of `points` in the element. `onSelect` gets the point below the cursor. */
function usePlot(points: readonly IntervalPoint[], limit: number, onSelect: (index: number | null) => void) {
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const host = element.current as HTMLDivElement;
    const created = createPlot(host, limit, onSelect);
    plot.current = created;
    const resized = new ResizeObserver(() =>
      created.setSize({ width: host.clientWidth, height: created.height }),
    );
    resized.observe(host);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const redraw = () => created.redraw(false, true);
    dark.addEventListener('change', redraw);
    const ignoreTheme = effect(() => {
      theme.value;
      redraw();
    });
    return () => {
      ignoreTheme();
      dark.removeEventListener('change', redraw);
      resized.disconnect();
      created.destroy();
    };
  }, [limit, onSelect]);
  useEffect(() => {
    plot.current?.setData(toData(points));
  }, [points]);
  const moveTo = (index: number) => {
    const at = points[index]?.atMs;
    if (plot.current && at !== undefined) {
      plot.current.setCursor({ left: plot.current.valToPos(at / 1000, 'x'), top: 0 });
    }
  };
  return { element, moveTo };
}
