import { escapeMarkup } from '@headgate/runtime/escape-markup';
import type { Plan, Point, Question } from './plan.ts';

const HEADINGS = ['requests/s and pod', 'p50 ms', 'p95 ms', 'refused', 'CPU', 'items a batch'] as const;

/** The curve as cells of a table, one row for each load of a pod. */
export function curveRows({ curve }: Plan): { headings: readonly string[]; rows: readonly string[][] } {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const rows = curve.map(({ perSecond, p50Ms, p95Ms, refusedShare, cpuShare, batchSize }) => [
    perSecond.toFixed(1),
    p50Ms.toFixed(1),
    p95Ms.toFixed(1),
    percent(refusedShare),
    percent(cpuShare),
    batchSize.toFixed(1),
  ]);
  return { headings: HEADINGS, rows };
}

const WIDTH = 640;
const HEIGHT = 360;
const LEFT = 60;
const RIGHT = 20;
const TOP = 30;
const BOTTOM = 50;

/** p50 and p95 over the load of a pod, and the limit, as SVG for light and dark pages. */
export function curveSvg(
  found: Plan,
  { p95Ms, calibration }: Pick<Question, 'p95Ms' | 'calibration'>,
): string {
  const { curve, planned } = found;
  const maxX = Math.max(...curve.map(({ perSecond }) => perSecond));
  // Beyond the limit a curve rises without bound.
  const maxY = 2 * p95Ms;
  const x = (perSecond: number) => LEFT + ((WIDTH - LEFT - RIGHT) * perSecond) / maxX;
  const y = (ms: number) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * Math.min(ms, maxY)) / maxY;
  const line = (of: (point: Point) => number) =>
    curve.map((point) => `${x(point.perSecond).toFixed(1)},${y(of(point)).toFixed(1)}`).join(' ');
  const limit = y(p95Ms).toFixed(1);
  const description = `At ${planned.perSecond.toFixed(1)} requests per second a pod answers 95 % within ${planned.p95Ms.toFixed(1)} ms.`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title desc">
<title id="title">Latency of one pod by load</title>
<desc id="desc">${escapeMarkup(description)} Calibration: ${escapeMarkup(calibration.source)}</desc>
<style>text{font:12px system-ui,sans-serif;fill:#222}.axis{stroke:#888}.p50{stroke:#0a7}.p95{stroke:#06c}.limit{stroke:#b30;stroke-dasharray:5 4}polyline,line{fill:none;stroke-width:1.5}@media (prefers-color-scheme:dark){text{fill:#ddd}.p50{stroke:#4db}.p95{stroke:#6af}.limit{stroke:#f76}}</style>
<line class="axis" x1="${LEFT}" y1="${HEIGHT - BOTTOM}" x2="${WIDTH - RIGHT}" y2="${HEIGHT - BOTTOM}"/>
<line class="axis" x1="${LEFT}" y1="${TOP}" x2="${LEFT}" y2="${HEIGHT - BOTTOM}"/>
${ticks(maxX)
  .map((at) => `<text x="${x(at)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${at}</text>`)
  .join('')}
${ticks(maxY)
  .map((at) => `<text x="${LEFT - 8}" y="${y(at) + 4}" text-anchor="end">${at}</text>`)
  .join('')}
<line class="limit" x1="${LEFT}" y1="${limit}" x2="${WIDTH - RIGHT}" y2="${limit}"/><text x="${LEFT + 6}" y="${Number(limit) - 5}">limit ${p95Ms} ms</text>
<polyline class="p50" points="${line(({ p50Ms }) => p50Ms)}"/><polyline class="p95" points="${line(({ p95Ms: ms }) => ms)}"/>
<text x="${WIDTH - RIGHT}" y="18" text-anchor="end">p95 blue, p50 green; ms</text>
<text x="${(WIDTH + LEFT) / 2}" y="${HEIGHT - 10}" text-anchor="middle">requests per second and pod</text>
</svg>
`;
}

/** Four round numbers up to the largest value. */
function ticks(max: number): number[] {
  const rough = max / 4;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * unit >= rough) ?? 10) * unit;
  return Array.from({ length: Math.floor(max / step) + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}
