import type { LiveModel } from '@headgate/contracts/admin/api';
import type {
  EvidenceVerdict,
  Guardrail,
  Rollout,
  RolloutPolicy,
  RolloutState,
  RolloutStep,
  Transition,
} from '@headgate/contracts/rollout';
import { hadUnits } from '@headgate/contracts/rollout-active';
import type { Tone } from '../../components/badge.tsx';
import {
  formatClock,
  formatList,
  formatMs,
  formatPercent,
  formatShare,
  formatWhen,
  plural,
} from '../../format.ts';

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
  pass: 'Passed',
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

/** What the rollout does now, or how it ended. */
export function stateSentence(rollout: Rollout, nowMs: number): string {
  const { state, weight, candidate, control, policy } = rollout;
  const version = `Version ${candidate.version}`;
  const when = formatWhen(state.since_ms, nowMs);
  const since = formatClock(state.since_ms);
  const step = 'step' in state ? `Step ${state.step + 1} of ${policy.steps.length}` : '';
  const units = `${formatPercent(weight)} of the units`;
  switch (state.kind) {
    case 'preparing': {
      const end = formatWhen(state.since_ms + policy.ready_within_s * 1000, nowMs);
      const why = state.waits_for ?? 'the gateways are asked whether it is ready';
      return `${version} gets no units yet: ${why}. The rollout has waited since ${since}; it is rolled back ${end} if that stays so.`;
    }
    case 'running':
      return `${step}: version ${candidate.version} gets ${units}. The step waits for ${withoutStop(state.waits_for)}.`;
    case 'awaiting_approval':
      return `${step} has been complete since ${since}: version ${candidate.version} gets ${units}, and a person must promote it.`;
    case 'paused':
      return `Paused ${when} by ${actor(state.by)}${because(state.why)}. ${version} keeps ${units}; a guardrail that fails still rolls back.`;
    case 'rolled_back': {
      const then = hadUnits(rollout)
        ? `Then version ${control.version} got all units.`
        : 'It had got no units, and the split of before was put back.';
      return `${version} was rolled back ${when} by ${actor(state.by)}${because(state.why)}. ${then}`;
    }
    case 'promoted':
      return `${version} was promoted ${when} by ${actor(state.by)}: it got all units and became the control.`;
  }
}

/** What the routing table says of the model now: of an ended rollout, which may have changed since. */
export function inForceSentence({ variants }: Pick<LiveModel, 'variants'>): string {
  const shares = variants.map(({ version, weight }) => `version ${version} gets ${formatPercent(weight)}`);
  return `In force now: ${formatList(shares)} of the units.`;
}

/** Who did it. `control` would read as the control variant. */
export function actor(by: string): string {
  return by === 'control' ? 'the controller' : by;
}

/** To stand within a sentence: a reason may be one of its own. */
const because = (why: string): string => (why === '' ? '' : `: ${withoutStop(why)}`);
const withoutStop = (text: string): string => text.replace(/\.$/, '');

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
      return `at most ${formatShare(guardrail.max)} errors, and at most ${points(guardrail.max_increase)} more than the control`;
    case 'p95_ms':
    case 'p99_ms':
      return [
        ...(guardrail.max === undefined ? [] : [`at most ${formatMs(guardrail.max)}`]),
        `at most ${guardrail.max_ratio} times the control`,
      ].join(', and ');
    case 'srm':
      return 'the units split as the weights say';
    case 'accuracy':
      return `at most ${points(guardrail.max_drop)} below the control`;
    case 'reward':
      return `at most ${guardrail.max_drop} below the control`;
  }
}

/** A difference of two shares. */
const points = (share: number): string => plural(Number((share * 100).toFixed(2)), 'percentage point');

/** A measured value or a limit in the unit of its metric. */
export function formatMeasured(metric: string, value: number | null): string {
  if (value === null) return '–';
  if (metric.endsWith('_ms')) return formatMs(value);
  if (metric === 'error_rate' || metric === 'accuracy') return formatShare(value);
  return String(Number(value.toPrecision(3)));
}

/** Stands beside the word for the state. */
export function transitionWords({ to, weight, why = '' }: Transition, { steps }: RolloutPolicy): string {
  const step = 'step' in to ? `step ${to.step + 1} of ${steps.length}, ` : '';
  return `${step}candidate at ${formatPercent(weight)} of the units${because('why' in to ? to.why : why)}`;
}

/** The list as it was loaded, with what events said since; newest first. */
export function withChanges(
  loaded: readonly Rollout[],
  changed: ReadonlyMap<string, Rollout>,
): readonly Rollout[] {
  const all = new Map([...loaded.map((one) => [one.id, one] as const), ...changed]);
  return [...all.values()].sort((a, b) => b.started_at_ms - a.started_at_ms);
}
