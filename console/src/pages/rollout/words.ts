import type {
  EvidenceVerdict,
  Guardrail,
  Rollout,
  RolloutPolicy,
  RolloutState,
  RolloutStep,
  Transition,
} from '@headgate/contracts/rollout';
import type { Tone } from '../../components/badge.tsx';
import { formatMs, formatPercent, formatShare, plural } from '../../format.ts';

export const STATE_WORDS: Readonly<Record<RolloutState['kind'], string>> = {
  preparing: 'Preparing',
  running: 'Running',
  awaiting_approval: 'Waits for approval',
  paused: 'Paused',
  rolled_back: 'Rolled back',
  promoted: 'Promoted',
};

export const STATE_TONES: Readonly<Record<RolloutState['kind'], Tone>> = {
  preparing: 'info',
  running: 'info',
  awaiting_approval: 'warn',
  paused: 'warn',
  rolled_back: 'bad',
  promoted: 'good',
};

export const EVIDENCE_WORDS: Readonly<Record<EvidenceVerdict, string>> = {
  pass: 'Holds',
  fail: 'Failed',
  no_data: 'No data',
  error: 'Not measured',
};

export const EVIDENCE_TONES: Readonly<Record<EvidenceVerdict, Tone>> = {
  pass: 'good',
  fail: 'bad',
  no_data: 'warn',
  error: 'warn',
};

const METRIC_WORDS: Readonly<Record<string, string>> = {
  error_rate: 'Error rate',
  p95_ms: '95th percentile of latency',
  p99_ms: '99th percentile of latency',
  srm: 'Split of the units',
  accuracy: 'Accuracy',
  reward: 'Reward',
};

export function metricWords(metric: string): string {
  return Object.hasOwn(METRIC_WORDS, metric) ? (METRIC_WORDS[metric] as string) : metric;
}

/** What the rollout does now, in words. */
export function stateSentence({ state, weight, candidate, control, policy }: Rollout): string {
  switch (state.kind) {
    case 'preparing':
      return `Version ${candidate.version} gets no traffic before every pod has loaded it.`;
    case 'running':
      return `${stepWords(policy, state.step)} ${state.waits_for}`;
    case 'awaiting_approval':
      return `${stepWords(policy, state.step)} All its conditions hold: it waits for a person who promotes it.`;
    case 'paused':
      return `Paused at ${formatPercent(weight)} of the units by ${actor(state.by)}: ${state.why}`;
    case 'rolled_back':
      return `All units get version ${control.version} again. Rolled back by ${actor(state.by)}: ${state.why}`;
    case 'promoted':
      return `All units get version ${candidate.version}. Promoted by ${actor(state.by)}.`;
  }
}

/** Who did it. `control` would read as the control variant. */
export function actor(by: string): string {
  return by === 'control' ? 'the controller' : by;
}

function stepWords({ steps }: RolloutPolicy, index: number): string {
  const weight = steps[index]?.weight ?? null;
  return `Step ${index + 1} of ${steps.length}: ${formatPercent(weight)} of the units.`;
}

/** What comes after the step in force; undefined when nothing does. */
export function nextSentence({ state, policy, candidate }: Rollout): string | undefined {
  if (state.kind === 'rolled_back' || state.kind === 'promoted') return undefined;
  const next = policy.steps[state.kind === 'preparing' ? 0 : state.step + 1];
  if (next === undefined) return `Next: version ${candidate.version} gets all units and becomes the control.`;
  return `Next: ${formatPercent(next.weight)} of the units, for ${stepConditions(next)}.`;
}

/** `at least 60 s and 100 requests`. */
export function stepConditions({ hold_s, min_samples }: RolloutStep): string {
  return `at least ${formatMs(hold_s * 1000)} and ${plural(min_samples, 'request')}`;
}

export function approvalWords({ approval }: RolloutStep): string {
  return approval === 'manual' ? 'a person promotes it' : 'goes on by itself';
}

/** The rule of a guardrail, in words. */
export function guardrailWords(guardrail: Guardrail): string {
  switch (guardrail.metric) {
    case 'error_rate':
      return `at most ${formatShare(guardrail.max)} errors, and at most ${formatShare(guardrail.max_increase)} more than the control`;
    case 'p95_ms':
    case 'p99_ms':
      return [
        ...(guardrail.max === undefined ? [] : [`at most ${formatMs(guardrail.max)}`]),
        `at most ${guardrail.max_ratio} times that of the control`,
      ].join(', and ');
    case 'srm':
      return 'the units split as the weights say';
    case 'accuracy':
      return `at most ${formatShare(guardrail.max_drop)} below that of the control`;
    case 'reward':
      return `at most ${guardrail.max_drop} below that of the control`;
  }
}

/** A measured value or a limit in the unit of its metric. */
export function formatMeasured(metric: string, value: number | null): string {
  if (value === null) return '–';
  if (metric.endsWith('_ms')) return formatMs(value);
  if (metric === 'error_rate' || metric === 'accuracy') return formatShare(value);
  return String(Number(value.toPrecision(3)));
}

export function transitionWords({ to, weight }: Transition, policy: RolloutPolicy): string {
  switch (to.kind) {
    case 'preparing':
      return 'Started; the version is loaded';
    case 'running':
      return `Step ${to.step + 1} of ${policy.steps.length}: ${formatPercent(weight)} of the units`;
    case 'awaiting_approval':
      return `Step ${to.step + 1} of ${policy.steps.length} is done and waits for approval`;
    case 'paused':
      return `Paused at ${formatPercent(weight)}: ${to.why}`;
    case 'rolled_back':
      return `Rolled back: ${to.why}`;
    case 'promoted':
      return 'Promoted: the candidate is the control now';
  }
}

/** The list as it was loaded, with what events said since; newest first. */
export function withChanges(
  loaded: readonly Rollout[],
  changed: ReadonlyMap<string, Rollout>,
): readonly Rollout[] {
  const all = new Map([...loaded.map((one) => [one.id, one] as const), ...changed]);
  return [...all.values()].sort((a, b) => b.started_at_ms - a.started_at_ms);
}
