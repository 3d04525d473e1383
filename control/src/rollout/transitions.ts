import { type Evidence, isActive, type Rollout, type RolloutState } from '@headgate/contracts/rollout';

/** Bounds the document. A rollout that needs more was paused and resumed a hundred times. */
const MAX_TRANSITIONS = 200;

/** Who does what the controller does by itself. */
export const CONTROL = 'control';

/** Who moves a rollout, when, and why in words: empty for no reason. */
export interface Act {
  readonly by: string;
  readonly atMs: number;
  readonly why?: string;
}

/** The rollout in another state, with the transition and its evidence on record. */
export function moveTo(
  rollout: Rollout,
  state: RolloutState,
  weight: number,
  { by, atMs, why }: Act,
): Rollout {
  const reason = why && !('why' in state) ? { why } : {};
  const transition = { at_ms: atMs, to: state, weight, by, ...reason, evidence: rollout.evidence };
  const [first, ...others] = [...rollout.transitions, transition];
  const transitions = [first ?? transition, ...others.slice(-(MAX_TRANSITIONS - 1))];
  return { ...rollout, state, weight, transitions };
}

export function toStep(rollout: Rollout, step: number, act: Act): Rollout {
  const weight = rollout.policy.steps[step]?.weight ?? 100;
  const state = { kind: 'running', step, since_ms: act.atMs, waits_for: 'requests' } as const;
  return moveTo(rollout, state, weight, act);
}

/** The step after the one in force; the candidate becomes the control after the last one. */
export function toNext(rollout: Rollout, act: Act): Rollout {
  const next = stepOf(rollout) + 1;
  if (next < rollout.policy.steps.length) return toStep(rollout, next, act);
  return moveTo(rollout, { kind: 'promoted', since_ms: act.atMs, by: act.by }, 100, act);
}

export function toRolledBack(rollout: Rollout, act: Act): Rollout {
  const { by, atMs, why = '' } = act;
  const state = { kind: 'rolled_back', since_ms: atMs, by, why } as const;
  return { ...moveTo(rollout, state, 0, act), written: null };
}

export function toPaused(rollout: Rollout, act: Act): Rollout {
  const { by, atMs, why = '' } = act;
  const state = { kind: 'paused', step: stepOf(rollout), since_ms: atMs, by, why } as const;
  return moveTo(rollout, state, rollout.weight, act);
}

/** 0 before the first step, which comes next then. */
export function stepOf({ state, policy }: Pick<Rollout, 'state' | 'policy'>): number {
  return 'step' in state ? Math.min(state.step, policy.steps.length - 1) : 0;
}

/** True in the last step: all units get the candidate, so that there is no control group. */
export function isAlone({ state, policy }: Pick<Rollout, 'state' | 'policy'>): boolean {
  return 'step' in state && policy.steps[state.step]?.weight === 100;
}

/** The guardrail that ends an active rollout. */
export function failureOf(rollout: Rollout): Evidence | undefined {
  return isActive(rollout) ? rollout.evidence.find(({ verdict }) => verdict === 'fail') : undefined;
}
