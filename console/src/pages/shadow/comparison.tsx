import type { Agreement, ShadowResult } from '@headgate/contracts/admin/api';
import { IntervalBar, type IntervalBarProps } from '../../components/bars.tsx';
import { formatSigned } from '../../components/chart-points.ts';
import { Table } from '../../components/table.tsx';
import { formatCount, formatMs, formatShare } from '../../format.ts';
import { agreementScale, driftScale } from './scales.ts';

/** How the answers of a shadow differ from those of the control, and those of the control from its own. */
export function Comparison({ shadow }: { readonly shadow: ShadowResult }) {
  const { version, agreement, noise, score_drift: drift, latency, confusion } = shadow;
  const name = `Version ${version}`;
  return (
    <>
      {agreement !== null && <AgreementTable {...{ name, agreement, noise }} />}
      {drift !== null && <DriftTable {...{ name, drift }} />}
      {noise !== null && <p class="hint">The upright line marks the control compared with itself.</p>}
      {latency !== null && <LatencyTable latency={latency} />}
      <Table
        caption="Pairs of different first labels, most frequent first"
        rows={confusion}
        keyOf={({ control, shadow: other }) => `${control}\n${other}`}
        empty="All first labels are the same."
        columns={[
          { head: 'Label of the control', cell: ({ control }) => control },
          { head: 'Label of the shadow', cell: ({ shadow: other }) => other },
          { head: 'Images', numeric: true, cell: ({ count }) => formatCount(count) },
        ]}
      />
    </>
  );
}

const CONTROL = 'Control with itself';

function AgreementTable(props: {
  readonly name: string;
  readonly agreement: Agreement;
  readonly noise: Agreement | null;
}) {
  const { name, agreement, noise } = props;
  const rows = [{ of: agreement, name }, ...(noise === null ? [] : [{ of: noise, name: CONTROL }])];
  const domain = agreementScale(rows.map(({ of }) => of.low));
  return (
    <Table
      caption="Share of images whose first label is the same as in the answer of the control"
      rows={rows}
      keyOf={({ name: row }) => row}
      columns={[
        { head: 'Same first label', cell: ({ name: row }) => row },
        { head: 'Share', numeric: true, cell: ({ of }) => formatShare(of.value) },
        { head: '95 % interval', cell: ({ of }) => `${formatShare(of.low)} to ${formatShare(of.high)}` },
        {
          head: 'On one scale',
          cell: ({ of: { value, low, high }, name: row }) => (
            <ScaledBar
              {...{ value, low, high, domain }}
              label={`${row}: ${formatShare(value)}, between ${formatShare(low)} and ${formatShare(high)}`}
              reference={noise?.value ?? 1}
              format={formatShare}
            />
          ),
        },
        { head: 'Images', numeric: true, cell: ({ of }) => formatCount(of.compared) },
      ]}
    />
  );
}

function DriftTable(props: {
  readonly name: string;
  readonly drift: NonNullable<ShadowResult['score_drift']>;
}) {
  const { name, drift } = props;
  const { mean, absolute, noise_absolute: noise } = drift;
  const rows = [
    { name, mean, absolute },
    ...(noise === null ? [] : [{ name: CONTROL, mean: null, absolute: noise }]),
  ];
  const domain = driftScale(rows.map(({ absolute: size }) => size));
  return (
    <Table
      caption="Change of the score of the control’s first label; scores are between 0 and 1"
      rows={rows}
      keyOf={({ name: row }) => row}
      columns={[
        { head: 'Score of that label', cell: ({ name: row }) => row },
        { head: 'Mean change', numeric: true, cell: ({ mean: of }) => (of === null ? '–' : signed(of)) },
        { head: 'Mean size of change', numeric: true, cell: ({ absolute: size }) => score(size) },
        {
          head: 'Size on one scale',
          cell: ({ absolute: size, name: row }) => (
            <ScaledBar
              label={`${row}: ${score(size)} on average`}
              {...{ value: size, low: 0, high: size, domain }}
              reference={noise ?? 0}
              format={score}
            />
          ),
        },
      ]}
    />
  );
}

/** A bar with the ends of its scale below. The line marks what the control shows against itself. */
function ScaledBar({ format, ...bar }: IntervalBarProps & { readonly format: (value: number) => string }) {
  const [from, to] = bar.domain;
  return (
    <>
      <IntervalBar {...bar} colour={1} />
      <p class="scale hint" aria-hidden="true">
        <span>{format(from)}</span>
        <span>{format(to)}</span>
      </p>
    </>
  );
}

function LatencyTable({ latency }: { readonly latency: NonNullable<ShadowResult['latency']> }) {
  const rows = [
    { name: 'Median', control: latency.control_p50, shadow: latency.shadow_p50 },
    { name: '95th percentile', control: latency.control_p95, shadow: latency.shadow_p95 },
  ];
  return (
    <Table
      caption="Latency of the copies, of images that both versions ran"
      rows={rows}
      keyOf={({ name }) => name}
      columns={[
        { head: 'Latency of copies', cell: ({ name }) => name },
        { head: 'Control', numeric: true, cell: ({ control }) => formatMs(control) },
        { head: 'Shadow', numeric: true, cell: ({ shadow: other }) => formatMs(other) },
        {
          head: 'Difference',
          numeric: true,
          cell: ({ control, shadow: other }) => `${formatSigned(other - control)} ms`,
        },
      ]}
    />
  );
}

const score = (value: number) => String(Number(value.toPrecision(2)));
const signed = (value: number) => `${value > 0 ? '+' : ''}${score(value)}`.replace('-', '−');
