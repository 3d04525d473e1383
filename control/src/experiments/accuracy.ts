import type { AccuracyRow } from '@headgate/contracts/admin/api';
import type { Queryable } from '@headgate/stores/postgres/database';
import { type AccuracyQuery, accuracyByVersion } from '@headgate/stores/records/accuracy';
import { Z } from '../statistics/binomial-interval.ts';
import { estimateShare } from '../statistics/unit-sums.ts';

/** Accuracy by version, with an interval for one look. It compares no variants: who judges what may differ between them. */
export async function accuracyOf(db: Queryable, query: AccuracyQuery): Promise<readonly AccuracyRow[]> {
  const versions = await accuracyByVersion(db, query);
  return versions.flatMap(({ model, version, sums }) => {
    const estimate = estimateShare(sums);
    if (!estimate) return [];
    const { value: accuracy, variance } = estimate;
    const half = Z * Math.sqrt(variance);
    const [low, high] = [Math.max(0, accuracy - half), Math.min(1, accuracy + half)];
    return [{ model, version, judged: sums.sumX, correct: sums.sumY, accuracy, low, high }];
  });
}
