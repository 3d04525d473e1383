// Original file: protos/inference/grpc_service.proto

import type { InferStatistics as _inference_InferStatistics, InferStatistics__Output as _inference_InferStatistics__Output } from '../inference/InferStatistics.ts';
import type { InferBatchStatistics as _inference_InferBatchStatistics, InferBatchStatistics__Output as _inference_InferBatchStatistics__Output } from '../inference/InferBatchStatistics.ts';
import type { MemoryUsage as _inference_MemoryUsage, MemoryUsage__Output as _inference_MemoryUsage__Output } from '../inference/MemoryUsage.ts';
import type { Long } from '@grpc/proto-loader';

export interface ModelStatistics {
  'name'?: (string);
  'version'?: (string);
  /**
   * Wall clock, in ms since the Unix epoch; 0 before the first call.
   */
  'last_inference'?: (number | string | Long);
  /**
   * Items of successful calls that were run.
   */
  'inference_count'?: (number | string | Long);
  /**
   * Session runs; inference_count / execution_count is the mean batch size.
   */
  'execution_count'?: (number | string | Long);
  'inference_stats'?: (_inference_InferStatistics | null);
  'batch_stats'?: (_inference_InferBatchStatistics)[];
  'memory_usage'?: (_inference_MemoryUsage)[];
}

export interface ModelStatistics__Output {
  'name': (string);
  'version': (string);
  /**
   * Wall clock, in ms since the Unix epoch; 0 before the first call.
   */
  'last_inference': (number);
  /**
   * Items of successful calls that were run.
   */
  'inference_count': (number);
  /**
   * Session runs; inference_count / execution_count is the mean batch size.
   */
  'execution_count': (number);
  'inference_stats': (_inference_InferStatistics__Output | null);
  'batch_stats': (_inference_InferBatchStatistics__Output)[];
  'memory_usage': (_inference_MemoryUsage__Output)[];
}
