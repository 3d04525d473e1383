import type { Limiter } from './limiter.ts';
import { chargeOf, type QuotaScope, type Rule, type RuleCharge } from './rules.ts';
import type { Applied, Verdict } from './verdict.ts';

/** The charge of one identified request, as its cost becomes known. */
export type RequestCharge = Awaited<ReturnType<typeof chargeRequest>>;

interface ChargeOptions {
  /** Quotas of the caller. */
  readonly own: readonly Rule[];
  /** Quotas of everybody; charged with what `own` admits. */
  readonly global: readonly Rule[];
  readonly subjects: Readonly<Record<QuotaScope, string>>;
  readonly apply: (charges: readonly RuleCharge[]) => Promise<Verdict>;
  readonly debit: Limiter['debit'];
}

/** Charges a request now; its images and engine time are charged through the result. */
export async function chargeRequest({ own, global, subjects, apply, debit }: ChargeOptions) {
  const charges = (rules: readonly Rule[], cost: (rule: Rule) => number): RuleCharge[] =>
    rules.map((rule) => chargeOf(rule, subjects[rule.scope], cost(rule)));

  const charge = async (keep: (rule: Rule) => boolean, cost: (rule: Rule) => number): Promise<Verdict> => {
    const first = await apply(charges(own.filter(keep), cost));
    if (first.refusal) return first;
    const second = await apply(charges(global.filter(keep), cost));
    return { applied: [...first.applied, ...second.applied], refusal: second.refusal };
  };

  const verdict = await charge(
    () => true,
    ({ unit }) => (unit === 'requests' ? 1 : 0),
  );
  return {
    /** After the request itself was charged, and images and engine time were looked at. */
    verdict,
    /** Before the images are sent on. @param count images that are worth sending on */
    async chargeImages(count: number): Promise<Verdict> {
      const charged = await charge(
        ({ unit }) => unit === 'images' && count > 0,
        () => count,
      );
      return { ...charged, applied: updated(verdict.applied, charged.applied) };
    },
    /** After the answer: engines have run, so their time is charged even beyond the quota. Never throws; not awaited. */
    debitEngine(engineMs: number): void {
      const due = [...own, ...global].filter(({ unit }) => unit === 'engine_ms');
      if (due.length === 0 || !(engineMs > 0)) return;
      // What a store does not take is counted and logged where its failure is noticed.
      debit(charges(due, () => wholePoints(engineMs))).catch(() => undefined);
    },
  };
}

/** Points for a measured time: begun milliseconds count whole, so that no run is free. */
export function wholePoints(ms: number): number {
  return Math.ceil(ms);
}

/** The states from before, those of the same rules replaced. */
function updated(before: readonly Applied[], after: readonly Applied[]): readonly Applied[] {
  return before.map((one) => after.find(({ rule }) => rule === one.rule) ?? one);
}
