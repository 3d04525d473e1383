// Original file: protos/inference/grpc_service.proto

import type { StatisticDuration as _inference_StatisticDuration, StatisticDuration__Output as _inference_StatisticDuration__Output } from '../inference/StatisticDuration.ts';

/**
 * Each ModelInfer call counts once, whatever its batch size. Stages of a call with several items count as long
 * as its slowest item.
 */
export interface InferStatistics {
  'success'?: (_inference_StatisticDuration | null);
  /**
   * Refused calls count as failed.
   */
  'fail'?: (_inference_StatisticDuration | null);
  /**
   * This and the fields below count successful calls. Time spent waiting for an engine.
   */
  'queue'?: (_inference_StatisticDuration | null);
  /**
   * Decoding and resizing.
   */
  'compute_input'?: (_inference_StatisticDuration | null);
  /**
   * The run of the whole batch.
   */
  'compute_infer'?: (_inference_StatisticDuration | null);
  /**
   * Building the response.
   */
  'compute_output'?: (_inference_StatisticDuration | null);
  /**
   * Items answered by the response cache, or by a run of another call at the same time; 0 without a cache.
   */
  'cache_hit'?: (_inference_StatisticDuration | null);
  /**
   * Items that ran although a response cache is on. The time is that of the look-up.
   */
  'cache_miss'?: (_inference_StatisticDuration | null);
}

/**
 * Each ModelInfer call counts once, whatever its batch size. Stages of a call with several items count as long
 * as its slowest item.
 */
export interface InferStatistics__Output {
  'success': (_inference_StatisticDuration__Output | null);
  /**
   * Refused calls count as failed.
   */
  'fail': (_inference_StatisticDuration__Output | null);
  /**
   * This and the fields below count successful calls. Time spent waiting for an engine.
   */
  'queue': (_inference_StatisticDuration__Output | null);
  /**
   * Decoding and resizing.
   */
  'compute_input': (_inference_StatisticDuration__Output | null);
  /**
   * The run of the whole batch.
   */
  'compute_infer': (_inference_StatisticDuration__Output | null);
  /**
   * Building the response.
   */
  'compute_output': (_inference_StatisticDuration__Output | null);
  /**
   * Items answered by the response cache, or by a run of another call at the same time; 0 without a cache.
   */
  'cache_hit': (_inference_StatisticDuration__Output | null);
  /**
   * Items that ran although a response cache is on. The time is that of the look-up.
   */
  'cache_miss': (_inference_StatisticDuration__Output | null);
}
