import { type Evidence, isActive, type Rollout, type RolloutState } from '@headgate/contracts/rollout';

/** Bounds the document. A rollout that needs more was paused and resumed a hundred times. */
const MAX_TRANSITIONS = 200;

/** Who does what the controller does by itself. */
export const CONTROL = 'control';

export interface Moved {
  readonly weight: number;
  readonly by: string;
  readonly atMs: number;
}

/** The rollout in another state, with the transition and its evidence on record. */
export function moveTo(rollout: Rollout, state: RolloutState, { weight, by, atMs }: Moved): Rollout {
  const transition = { at_ms: atMs, to: state, weight, by, evidence: rollout.evidence };
  const [first, ...others] = [...rollout.transitions, transition];
  const transitions = [first ?? transition, ...others.slice(-(MAX_TRANSITIONS - 1))];
  return { ...rollout, state, weight, transitions };
}

export function toStep(rollout: Rollout, step: number, by: string, atMs: number): Rollout {
  const weight = rollout.policy.steps[step]?.weight ?? 100;
  const state = { kind: 'running', step, since_ms: atMs, waits_for: 'requests' } as const;
  return moveTo(rollout, state, { weight, by, atMs });
}

/** The step after the one in force; the candidate becomes the control after the last one. */
export function toNext(rollout: Rollout, by: string, atMs: number): Rollout {
  const next = stepOf(rollout) + 1;
  if (next < rollout.policy.steps.length) return toStep(rollout, next, by, atMs);
  return moveTo(rollout, { kind: 'promoted', since_ms: atMs, by }, { weight: 100, by, atMs });
}

export function toRolledBack(rollout: Rollout, by: string, why: string, atMs: number): Rollout {
  const state = { kind: 'rolled_back', since_ms: atMs, by, why } as const;
  return { ...moveTo(rollout, state, { weight: 0, by, atMs }), written: null };
}

export function toPaused(rollout: Rollout, by: string, why: string, atMs: number): Rollout {
  const state = { kind: 'paused', step: stepOf(rollout), since_ms: atMs, by, why } as const;
  return moveTo(rollout, state, { weight: rollout.weight, by, atMs });
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
