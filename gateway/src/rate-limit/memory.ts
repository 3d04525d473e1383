import { type Charge, type Limiter, type Quota, type QuotaState, stateOf } from './limiter.ts';

export interface MemoryLimiterOptions {
  /** Subjects that one quota remembers; beyond, the one whose window ends first is forgotten. */
  readonly maxSubjects: number;
  /** Monotonic, in ms. */
  readonly nowMs?: () => number;
}

interface Window {
  taken: number;
  readonly endsAtMs: number;
}

/** Subject → window. Windows of a quota are equally long, so the order in which they began is that in which they end. */
type Windows = Map<string, Window>;

/** Quotas counted in this process. */
export function memoryLimiter({ maxSubjects, nowMs = monotonicMs }: MemoryLimiterOptions): Limiter {
  const quotas = new Map<string, Windows>();

  const windowsOf = ({ name }: Quota, now: number): Windows => {
    const windows = quotas.get(name) ?? new Map<string, Window>();
    quotas.set(name, windows);
    for (const [subject, { endsAtMs }] of windows) {
      if (endsAtMs > now) break;
      windows.delete(subject);
    }
    return windows;
  };

  const take = (windows: Windows, { quota, subject, cost }: Charge, now: number): Window => {
    const window = windows.get(subject) ?? { taken: 0, endsAtMs: now + quota.windowMs };
    if (!windows.has(subject)) {
      if (windows.size >= maxSubjects) forgetFirst(windows);
      windows.set(subject, window);
    }
    window.taken += cost;
    return window;
  };

  const consumeOne = (charge: Charge): QuotaState => {
    const now = nowMs();
    const { quota, subject, cost } = charge;
    const windows = windowsOf(quota, now);
    const fits = (windows.get(subject)?.taken ?? 0) + cost <= quota.points;
    const window = fits && cost > 0 ? take(windows, charge, now) : windows.get(subject);
    return stateOf(charge, window?.taken ?? 0, (window?.endsAtMs ?? now) - now, fits);
  };

  return {
    async consume(charges) {
      return charges.map(consumeOne);
    },
    async debit(charges) {
      const now = nowMs();
      for (const charge of charges) if (charge.cost > 0) take(windowsOf(charge.quota, now), charge, now);
    },
  };
}

function forgetFirst(windows: Windows): void {
  const [first] = windows.keys();
  if (first !== undefined) windows.delete(first);
}

const monotonicMs = () => performance.now();
