import type { ExperimentReport, Look, Metric, MetricResult } from '@headgate/contracts/admin/api';
import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { Card } from '../../components/card.tsx';
import { IntervalChart } from '../../components/chart.tsx';
import { Loaded } from '../../components/loaded.tsx';
import { Picker } from '../../components/select.tsx';
import { Empty } from '../../components/table.tsx';
import { useResource } from '../../resource.ts';
import { DIFFERENCE_UNITS, inUnit, METRIC_NAMES } from './words.ts';

const RELOAD_MS = 15_000;

/** How the interval of one metric became narrower, a chart for each treatment. */
export function Looks(props: {
  readonly report: ExperimentReport;
  readonly path: string;
  /** Query that names the experiment. */
  readonly which: Readonly<Record<string, string>>;
}) {
  const { report, path, which } = props;
  const chosen = useSignal<Metric>('success_rate');
  const query = new URLSearchParams({ ...which, metric: chosen.value });
  const looks = useResource<{ looks: Look[] }>(`${path}?${query}`, { everyMs: RELOAD_MS });
  const result = report.metrics.find(({ metric }) => metric === chosen.value);
  if (result === undefined || result.comparisons.length === 0) return null;
  const picker = (
    <Picker
      label="Metric"
      of={report.metrics.map(({ metric }) => [metric, METRIC_NAMES[metric]])}
      value={chosen.value}
      onChange={(metric) => {
        chosen.value = metric as Metric;
      }}
    />
  );
  return (
    <Card title="The difference over time" aside={picker}>
      <Loaded of={looks} what="the looks">
        {(value) => (
          <>
            {result.comparisons.map(({ variant }) => (
              <LooksChart
                key={`${result.metric} ${variant}`}
                result={result}
                variant={variant}
                control={report.variants[0]?.name ?? 'control'}
                looks={value.looks}
              />
            ))}
          </>
        )}
      </Loaded>
    </Card>
  );
}

function LooksChart(props: {
  readonly result: MetricResult;
  readonly variant: string;
  readonly control: string;
  readonly looks: readonly Look[];
}) {
  const { variant, looks } = props;
  const { metric, unit } = props.result;
  const points = useMemo(() => {
    const shown = (value: number | null) => (value === null ? null : inUnit(value, unit));
    return looks
      .filter((look) => look.variant === variant)
      .map(({ at_ms, difference, low, high }) => ({
        atMs: at_ms,
        value: shown(difference),
        low: shown(low),
        high: shown(high),
      }));
  }, [looks, variant, unit]);
  if (points.length === 0)
    return <Empty>No point yet: control adds one each minute while the model has traffic.</Empty>;
  return (
    <IntervalChart
      name={`${METRIC_NAMES[metric]}: ${variant} minus ${props.control}`}
      unit={DIFFERENCE_UNITS[unit]}
      points={points}
      {...(unit === 'share' && { limit: 100 })}
    />
  );
}
