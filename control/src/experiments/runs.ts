import { isDeepStrictEqual } from 'node:util';
import type { Epoch } from '@headgate/stores/records/epochs';

/**
 * An experiment that stayed the same, but for its weights. One name may have several: another salt assigns all units
 * again, and another version under the name of a variant is another treatment. A promotion leaves the winner alone under
 * the name of its rollout.
 */
export interface Run {
  readonly experiment: string;
  /** Oldest first, at least one. */
  readonly epochs: readonly Epoch[];
  readonly startedAtMs: number;
  /** When the model got another one; null while it is in force. */
  readonly endedAtMs: number | null;
}

/**
 * The runs of a model, the newest first.
 *
 * @param epochs of all its experiments, oldest first
 */
export function runsOf(epochs: readonly Epoch[]): readonly Run[] {
  const runs: { epochs: Epoch[]; next: number }[] = [];
  for (const [index, epoch] of epochs.entries()) {
    const named = runs.findLast((run) => run.epochs[0]?.experiment === epoch.experiment);
    const run = named && isSame(named.epochs[0], epoch) ? named : { epochs: [], next: 0 };
    run.epochs.push(epoch);
    run.next = index + 1;
    if (run !== named) runs.push(run);
  }
  return runs
    .toSorted((a, b) => b.next - a.next)
    .map((run) => ({
      experiment: run.epochs[0]?.experiment ?? '',
      epochs: run.epochs,
      startedAtMs: run.epochs[0]?.from_ms ?? 0,
      endedAtMs: epochs[run.next]?.from_ms ?? null,
    }));
}

const isSame = (a: Epoch | undefined, b: Epoch) => isDeepStrictEqual(identityOf(a), identityOf(b));

const identityOf = (epoch: Epoch | undefined) => [
  epoch?.salt,
  epoch?.variants.map(({ name, version }) => [name, version]),
];

/** Whether a run has anything to compare. */
export const compares = ({ epochs }: Run): boolean => (epochs[0]?.variants.length ?? 0) > 1;

/**
 * The run that was in force at a time; without a time, the newest of the name that compares something, or else the newest.
 *
 * @param runs of a model, newest first
 */
export function chooseRun(
  runs: readonly Run[],
  { experiment, atMs }: { readonly experiment: string | undefined; readonly atMs: number | undefined },
): Run | undefined {
  const named = runs.filter((run) => experiment === undefined || run.experiment === experiment);
  if (atMs === undefined) return named.find(compares) ?? named[0];
  const startOf = (run: Run) => run.epochs.findLast(({ from_ms }) => from_ms <= atMs)?.from_ms ?? -Infinity;
  const [latest] = runs.toSorted((a, b) => startOf(b) - startOf(a));
  return latest && startOf(latest) > -Infinity ? named.find((run) => run === latest) : undefined;
}
