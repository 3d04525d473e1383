import { METRIC } from '@headgate/contracts/names';
import { type Series, total } from '../../../test/e2e/harness/metrics.ts';

export const STAGES = ['queue', 'decode', 'run', 'respond'] as const;
export type Stage = (typeof STAGES)[number];

/** What inference's own metrics say about a stretch of time. */
export interface StageTimes {
  readonly meanBatch: number;
  /** Mean time of an item in each stage, in ms; `respond` is the mean of a call. */
  readonly meanMs: Readonly<Record<Stage, number>>;
}

/** The difference of two readings of /metrics, for one model. */
export function stageTimes(before: readonly Series[], after: readonly Series[], model: string): StageTimes {
  const mean = (metric: string, labels: Series['labels']) => {
    const grown = (suffix: string) =>
      total(after, metric + suffix, { model, ...labels }) -
      total(before, metric + suffix, { model, ...labels });
    return grown('_sum') / grown('_count');
  };
  const ofStage = (stage: Stage) => mean(METRIC.stageDuration, { stage }) * 1000;
  return {
    meanBatch: mean(METRIC.batchSize, {}),
    meanMs: {
      queue: ofStage('queue'),
      decode: ofStage('decode'),
      run: ofStage('run'),
      respond: ofStage('respond'),
    },
  };
}
