// Original file: protos/inference/grpc_service.proto

import type { ModelInferResponse as _inference_ModelInferResponse, ModelInferResponse__Output as _inference_ModelInferResponse__Output } from '../inference/ModelInferResponse.ts';

/**
 * One answer of ModelStreamInfer.
 */
export interface ModelStreamInferResponse {
  /**
   * Empty on success. Otherwise the sentence for the caller; infer_response then has `id` and the parameters
   * headgate_reason (string) and, where known, headgate_retry_after_ms (int64), and nothing else.
   */
  'error_message'?: (string);
  'infer_response'?: (_inference_ModelInferResponse | null);
}

/**
 * One answer of ModelStreamInfer.
 */
export interface ModelStreamInferResponse__Output {
  /**
   * Empty on success. Otherwise the sentence for the caller; infer_response then has `id` and the parameters
   * headgate_reason (string) and, where known, headgate_retry_after_ms (int64), and nothing else.
   */
  'error_message': (string);
  'infer_response': (_inference_ModelInferResponse__Output | null);
}
