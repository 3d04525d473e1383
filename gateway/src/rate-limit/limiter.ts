/** State of one quota after a request was charged to it. */
export interface QuotaState {
  readonly allowed: boolean;
  /** Points per window. */
  readonly limit: number;
  readonly remaining: number;
  /** Until the window starts anew, in ms. */
  readonly resetMs: number;
}

/** Counts points per subject in fixed windows. Memory here; Redis in production, behind the same interface. */
export interface Limiter {
  /**
   * Charges `cost` points to `subject`.
   *
   * @param quota name of the quota: the same subject has one count per quota
   */
  consume(quota: Quota, subject: string, cost: number): Promise<QuotaState>;
  /** Reads the state and charges nothing; `allowed` tells whether one more point is free. */
  peek(quota: Quota, subject: string): Promise<QuotaState>;
}

export interface Quota {
  /** Unique among all quotas, e.g. `key/predict/default`. */
  readonly name: string;
  readonly points: number;
  readonly windowMs: number;
}
