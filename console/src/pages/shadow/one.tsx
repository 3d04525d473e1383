import type { Agreement, ShadowResult } from '@headgate/contracts/admin/api';
import { Badge } from '../../components/badge.tsx';
import { IntervalBar } from '../../components/bars.tsx';
import { Card } from '../../components/card.tsx';
import { formatSigned } from '../../components/chart-points.ts';
import { Empty, Table } from '../../components/table.tsx';
import { Time } from '../../components/time.tsx';
import { formatCount, formatMs, formatPercent, formatShare } from '../../format.ts';

interface OneShadowProps {
  readonly shadow: ShadowResult;
  /** Version of the control. */
  readonly control: string;
  readonly isBusy: boolean;
  readonly onStop: () => void;
}

/** How the answers of one version differ from those of the control, to the same images. */
export function OneShadow({ shadow, control, isBusy, onStop }: OneShadowProps) {
  const isRunning = shadow.sample > 0;
  return (
    <Card
      title={`Version ${shadow.version} beside version ${control}`}
      aside={<Badge tone={isRunning ? 'info' : 'neutral'}>{isRunning ? 'Compared' : 'Stopped'}</Badge>}
    >
      {shadow.label_order_differs && (
        <p class="note warn">
          The two versions name or order their labels differently. Labels are compared by their names.
        </p>
      )}
      <p class="hint">
        {isRunning && <>{formatPercent(shadow.sample)} of the requests are copied. </>}
        {formatCount(shadow.compared)} compared, {formatCount(shadow.dropped)} dropped under load,{' '}
        {formatCount(shadow.failed)} failed
        {shadow.since_ms !== null && (
          <>
            , since <Time atMs={shadow.since_ms} />
          </>
        )}
        .
      </p>
      {shadow.compared === 0 ? (
        <Empty>Nothing has been compared yet: it needs requests to the model.</Empty>
      ) : (
        <Comparison shadow={shadow} />
      )}
      {isRunning && (
        <button type="button" disabled={isBusy} onClick={onStop}>
          Stop version {shadow.version}
        </button>
      )}
    </Card>
  );
}

function Comparison({ shadow }: Pick<OneShadowProps, 'shadow'>) {
  const { agreement, noise, score_drift: drift, latency, confusion } = shadow;
  return (
    <>
      {agreement !== null && <AgreementTable agreement={agreement} noise={noise} />}
      {drift !== null && (
        <p>
          The score of the control’s first label is on average {signedScore(drift.mean)}, and differs by{' '}
          {score(drift.absolute)} on average
          {drift.noise_absolute !== null && (
            <>; that of the control against itself by {score(drift.noise_absolute)}</>
          )}
          .
        </p>
      )}
      {latency !== null && <LatencyTable latency={latency} />}
      <Table
        caption="Pairs of different first labels, most frequent first"
        rows={confusion}
        keyOf={({ control, shadow: other }) => `${control}\n${other}`}
        empty="No first label differs."
        columns={[
          { head: 'Control says', cell: ({ control }) => control },
          { head: 'Shadow says', cell: ({ shadow: other }) => other },
          { head: 'Images', numeric: true, cell: ({ count }) => formatCount(count) },
        ]}
      />
    </>
  );
}

function AgreementTable(props: { readonly agreement: Agreement; readonly noise: Agreement | null }) {
  const { agreement, noise } = props;
  const scale: readonly [number, number] = [Math.min(agreement.low, noise?.low ?? 1), 1];
  const rows = [
    { name: 'Same first label', of: agreement },
    ...(noise === null ? [] : [{ name: 'Same first label, control against itself', of: noise }]),
  ];
  return (
    <Table
      caption="Agreement of the first labels"
      rows={rows}
      keyOf={({ name }) => name}
      columns={[
        { head: 'Measure', cell: ({ name }) => name },
        { head: 'Share', numeric: true, cell: ({ of }) => formatShare(of.value) },
        {
          head: '95 % interval',
          cell: ({ of }) => <AgreementBar of={of} scale={scale} reference={noise?.value ?? 1} />,
        },
        { head: 'Compared', numeric: true, cell: ({ of }) => formatCount(of.compared) },
      ]}
    />
  );
}

function AgreementBar(props: {
  readonly of: Agreement;
  readonly scale: readonly [number, number];
  /** What the noise of the control allows at best. */
  readonly reference: number;
}) {
  const { value, low, high } = props.of;
  const text = `${formatShare(low)} to ${formatShare(high)}`;
  return (
    <>
      <IntervalBar
        label={`Agreement ${formatShare(value)}, between ${text}`}
        {...{ value, low, high, reference: props.reference, domain: props.scale, colour: 1 }}
      />
      <p class="hint">{text}</p>
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
      caption="Latency of the same images"
      rows={rows}
      keyOf={({ name }) => name}
      columns={[
        { head: 'Latency', cell: ({ name }) => name },
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

function signedScore(mean: number): string {
  if (mean === 0) return 'the same';
  return `${score(Math.abs(mean))} ${mean > 0 ? 'higher' : 'lower'}`;
}
