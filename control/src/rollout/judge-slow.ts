import type { Comparison, ExperimentReport, Metric } from '@headgate/contracts/admin/api';
import type { Evidence, Guardrail } from '@headgate/contracts/rollout';
import { SRM_ALPHA } from '../experiments/evaluate.ts';

type Of<M extends Guardrail['metric']> = Extract<Guardrail, { readonly metric: M }>;

/** A report of the store, or in words why there is none. */
export type SlowReport =
  | { readonly kind: 'report'; readonly report: ExperimentReport }
  | { readonly kind: 'no_data' | 'error'; readonly why: string };

const unmeasured = { value: null, control: null, limit: null, samples: 0 } as const;

/** Units that came to the candidate against those that its weight promises. */
export function judgeSrm({ metric }: Of<'srm'>, slow: SlowReport): Evidence {
  if (slow.kind !== 'report') return { metric, verdict: slow.kind, ...unmeasured, detail: slow.why };
  const { srm, variants } = slow.report;
  const samples = variants.reduce((sum, { units }) => sum + units, 0);
  const limit = 1 / SRM_ALPHA;
  const verdicts = { as_expected: 'pass', mismatch: 'fail', no_data: 'no_data' } as const;
  const verdict = verdicts[srm.verdict];
  return { metric, verdict, value: srm.e_value, control: null, limit, samples, detail: srm.sentence };
}

/** Fails once the candidate is significantly lower than control by more than the drop. */
export function judgeDrop(guardrail: Of<'accuracy' | 'reward'>, slow: SlowReport, variant: string): Evidence {
  const { metric, max_drop: drop } = guardrail;
  if (slow.kind !== 'report') return { metric, verdict: slow.kind, ...unmeasured, detail: slow.why };
  const { comparison, control } = comparisonOf(slow.report, metric, variant);
  const measured = {
    metric,
    value: comparison?.value ?? null,
    control,
    limit: control === null ? null : control - drop,
    samples: comparison?.units ?? 0,
  };
  if (!comparison || comparison.verdict === 'no_data' || comparison.high === null) {
    return { ...measured, verdict: 'no_data', detail: comparison?.why ?? 'nobody sends it' };
  }
  const verdict = comparison.high < -drop ? 'fail' : 'pass';
  return { ...measured, verdict, detail: comparison.why };
}

/**
 * A fast guardrail with what the store adds: a difference to control that is significant by units. It never turns a failure
 * into a pass, and is not needed for one.
 */
export function withSignificance(
  fast: Evidence,
  guardrail: Guardrail,
  slow: SlowReport,
  variant: string,
): Evidence {
  if (fast.verdict === 'fail' || slow.kind !== 'report') return fast;
  const metric = SIGNIFICANT[guardrail.metric];
  if (!metric) return fast;
  const { comparison, control } = comparisonOf(slow.report, metric, variant);
  if (!comparison || comparison.low === null || comparison.high === null) return fast;
  const isWorse =
    guardrail.metric === 'error_rate'
      ? comparison.high < -guardrail.max_increase
      : guardrail.metric === 'p95_ms' && comparison.low > (guardrail.max_ratio - 1) * (control ?? Infinity);
  if (!isWorse) return fast;
  return { ...fast, verdict: 'fail', detail: comparison.why };
}

const SIGNIFICANT: Partial<Record<Guardrail['metric'], Metric>> = {
  error_rate: 'success_rate',
  p95_ms: 'p95_ms',
};

function comparisonOf(
  { metrics }: ExperimentReport,
  metric: Metric,
  variant: string,
): { readonly comparison: Comparison | undefined; readonly control: number | null } {
  const of = metrics.find((result) => result.metric === metric);
  const comparison = of?.comparisons.find((one) => one.variant === variant);
  return { comparison, control: of?.control.value ?? null };
}
