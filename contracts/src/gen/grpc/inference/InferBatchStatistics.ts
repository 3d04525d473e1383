// Original file: protos/inference/grpc_service.proto

import type { StatisticDuration as _inference_StatisticDuration, StatisticDuration__Output as _inference_StatisticDuration__Output } from '../inference/StatisticDuration.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * Runs of one batch size.
 */
export interface InferBatchStatistics {
  'batch_size'?: (number | string | Long);
  /**
   * Unset: items are decoded one by one, before their batch is known.
   */
  'compute_input'?: (_inference_StatisticDuration | null);
  'compute_infer'?: (_inference_StatisticDuration | null);
  /**
   * Unset, for the same reason.
   */
  'compute_output'?: (_inference_StatisticDuration | null);
}

/**
 * Runs of one batch size.
 */
export interface InferBatchStatistics__Output {
  'batch_size': (number);
  /**
   * Unset: items are decoded one by one, before their batch is known.
   */
  'compute_input': (_inference_StatisticDuration__Output | null);
  'compute_infer': (_inference_StatisticDuration__Output | null);
  /**
   * Unset, for the same reason.
   */
  'compute_output': (_inference_StatisticDuration__Output | null);
}
