import { escapeMarkup } from '@headgate/runtime/escape-markup';
import type { Plan, Point, Question } from './plan.ts';

interface Cells {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The curve, one row for each load of a pod. */
export function curveRows({ curve }: Plan): Cells {
  const rows = curve.map(({ perSecond, p50Ms, p95Ms, refusedShare, cpuShare, batchSize }) => [
    ...[perSecond, p50Ms, p95Ms].map((value) => value.toFixed(1)),
    percent(refusedShare),
    percent(cpuShare),
    batchSize.toFixed(1),
  ]);
  return {
    headings: ['requests/s and pod', 'p50 ms', 'p95 ms', 'refused', 'CPU', 'items a batch'],
    rows,
  };
}

/** One row for each load of all clients. */
export function deploymentRows({ deployments }: Plan): Cells {
  const rows = deployments.map(({ perSecond, pods, gateways, planned, minReplicas, maxReplicas }) => [
    ...[perSecond, pods, gateways].map(String),
    ...[planned.perSecond, planned.p50Ms, planned.p95Ms].map((value) => value.toFixed(1)),
    percent(planned.cpuShare),
    ...[minReplicas, maxReplicas].map(String),
  ]);
  return {
    headings: [
      ...['requests/s', 'pods', 'gateways', 'each pod/s', 'p50 ms', 'p95 ms', 'CPU'],
      ...['minReplicas', 'maxReplicas'],
    ],
    rows,
  };
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

const WIDTH = 640;
const HEIGHT = 360;
const LEFT = 60;
const RIGHT = 40;
const TOP = 30;
const BOTTOM = 50;

/** p50 and p95 over the load of a pod, and the limit, as SVG for light and dark pages. */
export function curveSvg(
  found: Plan,
  { p95Ms, calibration }: Pick<Question, 'p95Ms' | 'calibration'>,
): string {
  const { curve, most } = found;
  const maxX = Math.max(...curve.map(({ perSecond }) => perSecond));
  // Beyond the limit a curve rises without bound.
  const maxY = 2 * p95Ms;
  const x = (perSecond: number) => LEFT + ((WIDTH - LEFT - RIGHT) * perSecond) / maxX;
  const y = (ms: number) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * Math.min(ms, maxY)) / maxY;
  const line = (of: (point: Point) => number) =>
    curve.map((point) => `${x(point.perSecond).toFixed(1)},${y(of(point)).toFixed(1)}`).join(' ');
  // Each line is named where it ends; the names of lines that end together do not overlap.
  const last = curve.at(-1) as Point;
  const p95At = Math.max(y(last.p95Ms), TOP + 12);
  const p50At = Math.max(y(last.p50Ms), p95At + 14);
  const limit = y(p95Ms).toFixed(1);
  const mostX = x(most.perSecond).toFixed(1);
  const description = `At ${most.perSecond.toFixed(1)} requests per second a pod answers 95 % within ${most.p95Ms.toFixed(1)} ms.`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title desc">
<title id="title">Latency of one pod by load</title>
<desc id="desc">${escapeMarkup(description)} Calibration: ${escapeMarkup(calibration.source)}</desc>
<style>svg{background:#fff}text{font:12px system-ui,sans-serif;fill:#222}.axis{stroke:#888}.p50{stroke:#0a7}.p95{stroke:#06c}.limit{stroke:#b30;stroke-dasharray:5 4}.most{stroke:#888;stroke-dasharray:2 4}polyline,line{fill:none;stroke-width:1.5}@media (prefers-color-scheme:dark){svg{background:#161616}text{fill:#ddd}.p50{stroke:#4db}.p95{stroke:#6af}.limit{stroke:#f76}}</style>
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
<line class="most" x1="${mostX}" y1="${TOP}" x2="${mostX}" y2="${HEIGHT - BOTTOM}"/><text x="${mostX}" y="18" text-anchor="middle">planned at most</text>
<text x="${WIDTH - RIGHT + 6}" y="${p95At + 4}">p95</text><text x="${WIDTH - RIGHT + 6}" y="${p50At + 4}">p50</text>
<text x="${LEFT}" y="18" text-anchor="middle">ms</text>
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
