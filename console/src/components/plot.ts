import uPlot from 'uplot';
import { formatSigned, formatTick, type IntervalPoint } from './chart-points.ts';

const HEIGHT = 240;
const Y_AXIS_WIDTH = 56;
/** Half the time axis around a single point, in s. */
const AROUND_ONE_S = 60;

/** Times in seconds, then upper end, lower end and value. */
export function toData(points: readonly IntervalPoint[]): uPlot.AlignedData {
  return [
    points.map(({ atMs }) => atMs / 1000),
    points.map(({ high }) => high),
    points.map(({ low }) => low),
    points.map(({ value }) => value),
  ];
}

/**
 * An empty plot of intervals in `host`: a band, the line of the value, and zero.
 *
 * @param limit no value is beyond it, on either side of zero
 * @param onSelect gets the index of the point below the cursor; null when it leaves the plot
 */
export function createPlot(
  host: HTMLElement,
  limit: number,
  onSelect: (index: number | null) => void,
): uPlot {
  const colour = (name: string) => () => colourOf(host, name);
  const edge: uPlot.Series = { width: 1, stroke: colour('--chart-edge'), points: { show: false } };
  const axis: uPlot.Axis = {
    font: `12px ${getComputedStyle(host).fontFamily}`,
    stroke: colour('--chart-text'),
    grid: { stroke: colour('--chart-grid'), width: 1 },
    ticks: { stroke: colour('--chart-grid'), width: 1 },
  };
  const options: uPlot.Options = {
    width: host.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false, setScale: false } },
    scales: { x: { range: rangeOfTime }, y: { range: rangeWithZero(limit) } },
    axes: [
      {
        ...axis,
        space: 72,
        values: (plot, splits) => splits.map((at) => formatTick(at * 1000, spanMs(plot))),
      },
      { ...axis, size: Y_AXIS_WIDTH, values: (_, splits) => splits.map((value) => formatSigned(value)) },
    ],
    series: [{}, edge, edge, { width: 2, stroke: colour('--chart-line'), points: { show: hasFewPoints } }],
    bands: [{ series: [1, 2], fill: colour('--chart-band') }],
    hooks: {
      drawAxes: [(plot) => drawZero(plot, colourOf(host, '--chart-text'))],
      setCursor: [({ cursor }) => onSelect(cursor.idx ?? null)],
    },
  };
  return new uPlot(options, toData([]), host);
}

/** A single point has no line, and few have a short one. */
function hasFewPoints({ data }: uPlot): boolean {
  return data[0].length <= 12;
}

function spanMs({ scales }: uPlot): number {
  return ((scales.x?.max ?? 0) - (scales.x?.min ?? 0)) * 1000;
}

function rangeOfTime(_: uPlot, min: number | null, max: number | null): uPlot.Range.MinMax {
  if (min === null || max === null) return [null, null];
  return min === max ? [min - AROUND_ONE_S, max + AROUND_ONE_S] : [min, max];
}

/** Zero means no difference: it is always in sight. */
function rangeWithZero(limit: number): uPlot.Range.Function {
  return (_, min, max) => {
    const [low, high] = uPlot.rangeNum(Math.min(min ?? 0, 0), Math.max(max ?? 0, 0), 0.1, true);
    return [Math.max(low ?? 0, -limit), Math.min(high ?? 0, limit)];
  };
}

function drawZero({ ctx, bbox, valToPos }: uPlot, colour: string): void {
  const y = Math.round(valToPos(0, 'y', true)) + 0.5;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

/** Value of a custom property in the theme in force: it may be `light-dark()`, which only an element resolves. */
function colourOf(host: HTMLElement, name: string): string {
  const probe = document.createElement('i');
  probe.style.color = `var(${name})`;
  host.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
