// Original file: protos/inference/grpc_service.proto

import type { StatisticDuration as _inference_StatisticDuration, StatisticDuration__Output as _inference_StatisticDuration__Output } from '../inference/StatisticDuration.ts';

/**
 * Each ModelInfer call counts once, whatever its batch size. Stages of a call with several items count as long
 * as its slowest item.
 */
export interface InferStatistics {
  'success'?: (_inference_StatisticDuration | null);
  /**
   * Refused calls are failed ones.
   */
  'fail'?: (_inference_StatisticDuration | null);
  /**
   * Of successful calls, as are those below: waiting for an engine.
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
   * Wording the response.
   */
  'compute_output'?: (_inference_StatisticDuration | null);
  /**
   * Items that a response cache answered, or a run that another call asked for at the same time; 0 without a cache.
   */
  'cache_hit'?: (_inference_StatisticDuration | null);
  /**
   * Items that were run where a response cache is on. The time is that of looking them up.
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
   * Refused calls are failed ones.
   */
  'fail': (_inference_StatisticDuration__Output | null);
  /**
   * Of successful calls, as are those below: waiting for an engine.
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
   * Wording the response.
   */
  'compute_output': (_inference_StatisticDuration__Output | null);
  /**
   * Items that a response cache answered, or a run that another call asked for at the same time; 0 without a cache.
   */
  'cache_hit': (_inference_StatisticDuration__Output | null);
  /**
   * Items that were run where a response cache is on. The time is that of looking them up.
   */
  'cache_miss': (_inference_StatisticDuration__Output | null);
}
