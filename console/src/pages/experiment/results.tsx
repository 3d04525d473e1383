import type { Comparison, ExperimentReport, MetricResult } from '@headgate/contracts/admin/api';
import { apiUrl } from '../../api.ts';
import { Badge, type Tone } from '../../components/badge.tsx';
import { IntervalBar } from '../../components/bars.tsx';
import { Card } from '../../components/card.tsx';
import { Picker } from '../../components/select.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { plural } from '../../format.ts';
import { navigate } from '../../router.ts';
import {
  formatDifference,
  formatInterval,
  formatValue,
  LEVELS,
  leftOutOf,
  METRIC_NAMES,
  VERDICT_WORDS,
} from './words.ts';

const TONES: Readonly<Record<Comparison['verdict'], Tone>> = {
  better: 'good',
  worse: 'bad',
  no_difference_yet: 'neutral',
  not_enough_data: 'warn',
  no_data: 'warn',
};

interface Row {
  readonly result: MetricResult;
  readonly compared: Comparison;
  /** Units of the variant and of control, whether a metric counts them or not. */
  readonly units: number;
  readonly controlUnits: number;
}

const COLUMNS: readonly Column<Row>[] = [
  { head: 'Metric', cell: ({ result }) => METRIC_NAMES[result.metric] },
  { head: 'Variant', cell: ({ compared }) => compared.variant },
  {
    head: 'Value',
    numeric: true,
    cell: ({ compared, result, units }) => measured(compared, units, result),
  },
  {
    head: 'Control',
    numeric: true,
    cell: ({ result, controlUnits }) => measured(result.control, controlUnits, result),
  },
  {
    head: 'Difference',
    numeric: true,
    cell: ({ compared, result }) => formatDifference(compared.difference, result.unit),
  },
  { head: 'Interval', cell: (row) => <Interval {...row} /> },
  {
    head: 'Verdict',
    cell: ({ compared }) => (
      <>
        <Badge tone={TONES[compared.verdict]}>{VERDICT_WORDS[compared.verdict]}</Badge>
        {compared.low === null && <p class="hint">{compared.why}</p>}
      </>
    ),
  },
];

/** Each metric of each treatment against control. */
export function Results(props: {
  readonly report: ExperimentReport;
  /** In percent. */
  readonly level: number;
  /** Address of this page with another level. */
  readonly toLevel: (percent: string) => string;
  readonly csvPath: string;
}) {
  const { level, toLevel, report } = props;
  const unitsOf = (variant = '') => report.variants.find(({ name }) => name === variant)?.units ?? 0;
  const controlUnits = unitsOf(report.variants[0]?.name);
  const rows = report.metrics.flatMap((result) =>
    result.comparisons.map((compared) => ({
      ...{ result, compared, controlUnits },
      units: unitsOf(compared.variant),
    })),
  );
  const download = (
    <a href={apiUrl(props.csvPath)} download>
      Download as CSV
    </a>
  );
  return (
    <Card title="Each metric" aside={download}>
      <div class="row start">
        <Picker
          label="Level of the intervals"
          of={LEVELS.map((percent) => [percent, `${percent} %`])}
          value={level}
          onChange={(percent) => navigate(toLevel(percent))}
        />
        <span class="hint">
          The intervals hold however often you look. The level changes their width, not the experiment.
        </span>
      </div>
      <Table
        caption="Differences of the variants from control, by metric"
        columns={COLUMNS}
        rows={rows}
        keyOf={({ result, compared }) => `${result.metric} ${compared.variant}`}
        empty="Only one variant takes part, so there is nothing to compare. Start a rollout to try another one."
      />
      {leftOutOf(report).map((text) => (
        <p key={text} class="hint">
          {text}
        </p>
      ))}
    </Card>
  );
}

function measured({ value, units }: MetricResult['control'], all: number, { unit }: MetricResult) {
  return (
    <>
      {formatValue(value, unit)}
      <p class="hint">{units === all ? plural(units, 'unit') : `${units} of ${plural(all, 'unit')}`}</p>
    </>
  );
}

function Interval({ result, compared }: Row) {
  const { difference, low, high } = compared;
  if (difference === null || low === null || high === null) return <>–</>;
  const text = formatInterval(low, high, result.unit);
  const end = Math.max(Math.abs(low), Math.abs(high)) * 1.1;
  return (
    <>
      <IntervalBar
        label={`Difference between ${text}; zero is no difference`}
        value={difference}
        low={low}
        high={high}
        reference={0}
        domain={[-end, end]}
        colour={1}
      />
      <p class="hint">{text}</p>
    </>
  );
}
