import { isDeepStrictEqual } from 'node:util';
import type { Experiment } from '@headgate/contracts/routing';
import type { Epoch } from '@headgate/stores/records/epochs';
import type { Arm } from '@headgate/stores/records/experiment';

/** A treatment and the control group of the same time, as indices of arms. */
export interface Pair {
  readonly variant: string;
  readonly treatment: number;
  readonly control: number;
}

/** How an experiment was split from its start to its end. */
export interface Split {
  /** Oldest first, at least one. The last one is in force, or was at the end. */
  readonly epochs: readonly Epoch[];
  readonly arms: readonly Arm[];
  /** Arm of each variant as a whole, in the order of the table; the control first. */
  readonly wholes: readonly number[];
  readonly pairs: readonly Pair[];
  /** The last epoch in which a pair had weight; the last one where there is none. */
  readonly latest: number;
}

export function epochOf({ name, salt, variants }: Experiment, fromMs: number): Epoch {
  return { experiment: name, from_ms: fromMs, salt, variants };
}

export function sameSplit(a: Epoch, b: Epoch): boolean {
  return isDeepStrictEqual({ ...a, from_ms: 0 }, { ...b, from_ms: 0 });
}

/**
 * The arms whose sums are compared. While weights grow, control has most of its requests early and the treatment late,
 * and what changes with the time of day would look like a difference. So control counts in each epoch by the ratio of the
 * weights, which are the chances of assignment: it then has the same share of each epoch as the treatment. Epochs in
 * which one of the two had no units count for neither.
 */
export function splitOf(epochs: readonly Epoch[]): Split {
  const names = epochs[0]?.variants.map(({ name }) => name) ?? [];
  const weightOf = (epoch: Epoch, variant: number) => epoch.variants[variant]?.weight ?? 0;
  const arms: Arm[] = [];
  const armOf = (variant: number, weights: readonly number[]): number => {
    const arm = { variant: names[variant] ?? '', weights };
    const known = arms.findIndex((other) => isDeepStrictEqual(other, arm));
    return known >= 0 ? known : arms.push(arm) - 1;
  };
  const wholes = names.map((_, variant) =>
    armOf(
      variant,
      epochs.map(() => 1),
    ),
  );
  const pairs = names.slice(1).map((variant, index) => {
    const ratios = epochs.map((epoch) => {
      const [control, treatment] = [weightOf(epoch, 0), weightOf(epoch, index + 1)];
      return control > 0 ? treatment / control : 0;
    });
    // Only proportions count; the largest as 1 makes arms of constant weights those of the variants as a whole.
    const largest = Math.max(...ratios) || 1;
    return {
      variant,
      treatment: armOf(
        index + 1,
        ratios.map((ratio) => (ratio > 0 ? 1 : 0)),
      ),
      control: armOf(
        0,
        ratios.map((ratio) => ratio / largest),
      ),
    };
  });
  const latest = epochs.findLastIndex((_, epoch) =>
    pairs.some(({ treatment }) => (arms[treatment]?.weights[epoch] ?? 0) > 0),
  );
  return { epochs, arms, wholes, pairs, latest: latest < 0 ? epochs.length - 1 : latest };
}
