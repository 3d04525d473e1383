import type { Look, Metric } from '@headgate/contracts/admin/api';
import { escapeMarkup } from '@headgate/runtime/escape-markup';
import { time } from '../in-words.ts';

const [WIDTH, HEIGHT] = [720, 320];
const MARGIN = { top: 48, right: 24, bottom: 40, left: 72 };
/** Colours that differ in lightness too, of 3:1 and more against their background in both schemes. */
const STYLE = `
  :root { color-scheme: light dark; }
  svg { background: #fff; font: 12px system-ui, sans-serif; }
  text { fill: #222; } .grid { stroke: #bbb; } .zero { stroke: #222; stroke-dasharray: 4 3; }
  .line { fill: none; stroke-width: 2; } .band { opacity: .25; stroke: none; }
  .v0 { stroke: #0b5cad; fill: #0b5cad; } .v1 { stroke: #a63f00; fill: #a63f00; }
  @media (prefers-color-scheme: dark) {
    svg { background: #161616; } text { fill: #eee; } .grid { stroke: #555; } .zero { stroke: #eee; }
    .v0 { stroke: #6fb1ff; fill: #6fb1ff; } .v1 { stroke: #ffa15c; fill: #ffa15c; }
  }
  .line { fill: none; }`;

type Measured = Look & { readonly difference: number; readonly low: number; readonly high: number };

const isMeasured = (look: Look): look is Measured =>
  look.difference !== null && look.low !== null && look.high !== null;

/** Factor and unit of the differences; a share is in points, as everywhere. */
function unitOf(metric: Metric): readonly [factor: number, unit: string] {
  if (metric === 'success_rate' || metric === 'accuracy') return [100, 'percentage points'];
  return [1, metric.endsWith('_ms') ? 'ms' : ''];
}

/** The confidence sequence of each variant against control over time, as a picture of its own. */
export function intervalSvg(of: { model: string; metric: Metric; looks: readonly Look[] }): string {
  const [factor, unit] = unitOf(of.metric);
  const looks = of.looks.filter(isMeasured).map(({ difference, low, high, ...look }) => ({
    ...look,
    ...{ difference: difference * factor, low: low * factor, high: high * factor },
  }));
  const variants = [...new Set(looks.map(({ variant }) => variant))];
  const x = scale(
    looks.map(({ at_ms }) => at_ms),
    [MARGIN.left, WIDTH - MARGIN.right],
  );
  const y = scale(
    [0, ...looks.flatMap(({ low, high }) => [low, high])],
    [HEIGHT - MARGIN.bottom, MARGIN.top],
  );
  const drawn = variants.map((variant, index) =>
    series(
      looks.filter((look) => look.variant === variant),
      { x, y, index },
    ),
  );
  const title = `${of.metric} of ${of.model}: difference to control${unit && `, in ${unit}`}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title desc">
<title id="title">${escapeMarkup(title)}</title>
<desc id="desc">${escapeMarkup(variants.map((variant) => lastInWords(looks, variant, unit)).join(' ') || 'There is no interval yet.')}</desc>
<style>${STYLE}</style>
<text x="${MARGIN.left}" y="20">${escapeMarkup(title)}</text>
${[...new Set([...y.ends, 0])].map((value) => tick(value, y)).join('\n')}
<line class="zero" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(0)}" y2="${y(0)}"/>
${drawn.join('\n')}
${variants.map((variant, i) => `<text class="v${i}" x="${MARGIN.left + i * 160}" y="38" style="stroke: none">${escapeMarkup(variant)}</text>`).join('\n')}
${looks.length === 0 ? `<text x="${MARGIN.left}" y="${HEIGHT / 2}">There is no interval yet.</text>` : timeAxis(x)}
</svg>
`;
}

type Scale = ((value: number) => number) & { readonly ends: readonly [number, number] };

function scale(values: readonly number[], [from, to]: readonly [number, number]): Scale {
  const ends = [
    values.reduce((a, b) => Math.min(a, b), Infinity),
    values.reduce((a, b) => Math.max(a, b), -Infinity),
  ] as const;
  const span = ends[1] - ends[0] || 1;
  const at = (value: number) => Math.round((from + ((value - ends[0]) / span) * (to - from)) * 10) / 10;
  return Object.assign(at, { ends });
}

function series(looks: readonly Measured[], { x, y, index }: { x: Scale; y: Scale; index: number }): string {
  const points = (of: (look: Measured) => number) => looks.map((look) => `${x(look.at_ms)},${y(of(look))}`);
  const band = [...points(({ high }) => high), ...points(({ low }) => low).toReversed()];
  return `<polygon class="band v${index}" points="${band.join(' ')}"/>
<polyline class="line v${index}" points="${points(({ difference }) => difference).join(' ')}"/>`;
}

const tick = (value: number, y: Scale) =>
  `<line class="grid" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(value)}" y2="${y(value)}"/>
<text x="${MARGIN.left - 6}" y="${y(value) + 4}" text-anchor="end">${Number(value.toPrecision(3))}</text>`;

const timeAxis = ({ ends: [from, to] }: Scale) =>
  `<text x="${MARGIN.left}" y="${HEIGHT - 14}">${time(from)}</text>
<text x="${WIDTH - MARGIN.right}" y="${HEIGHT - 14}" text-anchor="end">${time(to)}</text>`;

function lastInWords(looks: readonly Measured[], variant: string, unit: string): string {
  const last = looks.findLast((look) => look.variant === variant);
  if (last === undefined) return '';
  const [difference, low, high] = [last.difference, last.low, last.high].map((value) =>
    Number(value.toPrecision(3)),
  );
  return `${variant} after ${last.units} units: ${`${difference} ${unit}`.trim()}, between ${low} and ${high}.`;
}
