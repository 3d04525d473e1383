import { type Evidence, isActive, type Rollout, type RolloutState } from '@headgate/contracts/rollout';
import { MIN_LATENCIES } from './judge-fast.ts';
import {
  type Act,
  CONTROL,
  failureOf,
  isAlone,
  moveTo,
  stepOf,
  toNext,
  toPaused,
  toRolledBack,
  toStep,
} from './transitions.ts';

/** What the controller sees of one rollout in one second. */
export interface Observations {
  /** Who changed the model's part of the routing table after control wrote it; null for nobody. */
  readonly editedBy: string | null;
  /** Percent of the units that the table gives the candidate. */
  readonly weight: number;
  /** In words why a version cannot take units; null while it is ready on every gateway. */
  readonly candidateUnready: string | null;
  readonly controlUnready: string | null;
  /** One for each guardrail that was measured. */
  readonly evidence: readonly Evidence[];
  /** Requests that the candidate answered in this step. */
  readonly samples: number;
}

export interface Now {
  /** Wall clock, for the record. */
  readonly epochMs: number;
  /** How long the state lasts, by a clock that nobody sets. */
  readonly heldMs: number;
}

const EDITED = 'the routing table was edited by hand';

/** Guardrails that read the store: it takes minutes to hours until they can say anything. */
const SLOW: ReadonlySet<string> = new Set(['srm', 'accuracy', 'reward']);

/**
 * One second of a rollout (decision 0099): the same rollout, or the one that follows. What cannot be measured neither
 * promotes nor rolls back.
 */
export function step(rollout: Rollout, seen: Observations, now: Now): Rollout {
  if (!isActive(rollout)) return rollout;
  const judged = { ...rollout, evidence: merged(rollout.evidence, seen.evidence) };
  const failed = failureOf(judged);
  if (failed) return rolledBack(judged, failed, seen, now);
  const { state } = judged;
  const asInTable = { ...judged, weight: seen.weight };
  if (state.kind === 'paused') return asInTable;
  if (seen.editedBy !== null) {
    return toPaused(asInTable, { by: seen.editedBy, atMs: now.epochMs, why: EDITED });
  }
  if (state.kind === 'preparing') return prepared(judged, seen, now);
  return state.kind === 'running' ? run(judged, state, seen, now) : judged;
}

/** A failure stays: what is measured later cannot excuse it. */
function merged(before: readonly Evidence[], measured: readonly Evidence[]): Evidence[] {
  const byMetric = new Map(before.map((evidence) => [evidence.metric, evidence]));
  for (const evidence of measured) {
    if (byMetric.get(evidence.metric)?.verdict !== 'fail') byMetric.set(evidence.metric, evidence);
  }
  return [...byMetric.values()];
}

function rolledBack(rollout: Rollout, failed: Evidence, seen: Observations, now: Now): Rollout {
  // All units would go to a version that cannot take them.
  if (seen.controlUnready !== null) {
    return waiting(rollout, `a control that is ready, to roll back to: ${seen.controlUnready}`);
  }
  return toRolledBack(rollout, own(now, inWords(failed)));
}

function prepared(rollout: Rollout, { candidateUnready }: Observations, now: Now): Rollout {
  if (candidateUnready === null) return toStep(rollout, 0, own(now));
  const { ready_within_s: limit } = rollout.policy;
  if (now.heldMs < limit * 1000) return waiting(rollout, candidateUnready);
  return toRolledBack(rollout, own(now, `not ready within ${limit} s: ${candidateUnready}`));
}

/** What the store says are sentences, which name the metric. */
function inWords({ metric, detail }: Pick<Evidence, 'metric' | 'detail'>): string {
  return detail.endsWith('.') ? detail : `${metric}: ${detail}`;
}

type Running = Extract<RolloutState, { kind: 'running' }>;

function run(rollout: Rollout, state: Running, seen: Observations, now: Now): Rollout {
  const reason = waitsFor(rollout, seen, now);
  if (reason !== undefined) return waiting(rollout, reason);
  if (rollout.policy.steps[state.step]?.approval !== 'manual') return toNext(rollout, own(now));
  const next = { kind: 'awaiting_approval', step: state.step, since_ms: now.epochMs } as const;
  return moveTo(rollout, next, rollout.weight, own(now));
}

/** What the step waits for, to be read after these words; undefined when it may end. */
function waitsFor(rollout: Rollout, seen: Observations, now: Now): string | undefined {
  const { policy, evidence } = rollout;
  const current = policy.steps[stepOf(rollout)];
  if (!current) return undefined;
  if (seen.candidateUnready !== null)
    return `a ready candidate: ${seen.candidateUnready}; its units get control`;
  const open = policy.guardrails
    .filter(({ metric }) => isNeeded(metric, rollout))
    .map(({ metric }) => evidence.find((of) => of.metric === metric) ?? notMeasured(metric))
    .find(({ verdict }) => verdict !== 'pass');
  if (now.heldMs < current.hold_s * 1000) {
    return `the end of its ${current.hold_s} s, in ${Math.ceil(current.hold_s - now.heldMs / 1000)} s`;
  }
  if (seen.samples < current.min_samples) {
    return `requests: the candidate has answered ${seen.samples} of ${current.min_samples}`;
  }
  return open && `the guardrail ${open.metric}: ${open.detail}`;
}

/**
 * The error rate must pass before each step, all others before all units get the candidate; latency also in a step that
 * waits for as many requests as it reads. In the last step slow ones have nothing to compare with: what they said before
 * counts, unless a person went on without them.
 */
function isNeeded(metric: string, rollout: Rollout): boolean {
  if (metric === 'error_rate') return true;
  const { steps } = rollout.policy;
  const current = stepOf(rollout);
  if (!SLOW.has(metric) && (steps[current]?.min_samples ?? 0) >= MIN_LATENCIES) return true;
  if (!isAlone(rollout)) return steps[current + 1]?.weight === 100;
  if (!SLOW.has(metric)) return false;
  const entered = rollout.transitions.find(({ to }) => to.kind === 'running' && to.step === current);
  return entered?.by === CONTROL;
}

const notMeasured = (metric: string): Pick<Evidence, 'metric' | 'verdict' | 'detail'> => ({
  metric,
  verdict: 'no_data',
  detail: 'not measured yet',
});

function waiting(rollout: Rollout, waitsFor: string): Rollout {
  const { state } = rollout;
  if (state.kind !== 'running' && state.kind !== 'preparing') return rollout;
  return { ...rollout, state: { ...state, waits_for: waitsFor } };
}

const own = ({ epochMs }: Now, why = ''): Act => ({ by: CONTROL, atMs: epochMs, why });
