/** An allowance of points per window, for each subject by itself. */
export interface Quota {
  /** Unique among all quotas, e.g. `key/predict/default/requests/60`: the same subject has one count per quota. */
  readonly name: string;
  readonly points: number;
  /** Whole seconds, in ms. */
  readonly windowMs: number;
  /** It holds off guessing: where everything else is admitted because the store is down, it still counts. */
  readonly isGuard?: boolean;
}

export interface Charge {
  readonly quota: Quota;
  readonly subject: string;
  /** Points; a whole number. 0 is a look: nothing is charged. */
  readonly cost: number;
}

/** State of one quota after it was charged. */
export interface QuotaState {
  /** The points were there and are taken. For a look: one more point is free. */
  readonly allowed: boolean;
  /** Points per window. */
  readonly limit: number;
  readonly remaining: number;
  /** Until the window restarts, in ms; 0 before its first point. */
  readonly resetMs: number;
}

/**
 * Counts points in fixed windows, which begin with a subject's first point and end by themselves. States come in the
 * order of the charges. In memory, or in a store that several gateways share.
 */
export interface Limiter {
  /** Takes the points of each charge whole, or none of them where fewer are left; of each charge by itself. */
  consume(charges: readonly Charge[]): Promise<readonly QuotaState[]>;
  /** Takes points for what has been done already, whether they are left or not. */
  debit(charges: readonly Charge[]): Promise<void>;
}

/**
 * What a subject's count says about one charge.
 *
 * @param taken points that are taken now, those of this charge included if it was allowed
 * @param msLeft until the window ends; <= 0: there is none
 */
export function stateOf({ quota, cost }: Charge, taken: number, msLeft: number, fits: boolean): QuotaState {
  const remaining = Math.max(0, quota.points - taken);
  // A charge above the quota fits no window; the caller is told the next one.
  const resetMs = msLeft > 0 ? msLeft : fits ? 0 : quota.windowMs;
  return { allowed: cost === 0 ? remaining > 0 : fits, limit: quota.points, remaining, resetMs };
}
