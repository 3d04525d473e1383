import type { ExperimentReport, Look, Metric } from '@headgate/contracts/admin/api';

export interface Asked {
  /** Name of an experiment of the model; absent: the one in the routing table. */
  readonly experiment?: string | undefined;
  /** Coverage of the intervals; absent: 0.95. */
  readonly level?: number | undefined;
}

/** What the store of records tells about experiments. Every method throws AdminError: not_found, store_unavailable. */
export interface Experiments {
  /** May be some seconds old: a report never takes more than a tenth of the store's time. */
  report(model: string, asked?: Asked): Promise<ExperimentReport>;
  /** Oldest first. */
  looks(model: string, metric: Metric, asked?: Asked): Promise<readonly Look[]>;
  csv(model: string, asked?: Asked): Promise<string>;
}
