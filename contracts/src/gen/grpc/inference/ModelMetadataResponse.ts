// Original file: protos/inference/grpc_service.proto

import type { Long } from '@grpc/proto-loader';

export interface _inference_ModelMetadataResponse_TensorMetadata {
  'name'?: (string);
  /**
   * BOOL, UINT8 … UINT64, INT8 … INT64, FP16, FP32, FP64 or BYTES.
   */
  'datatype'?: (string);
  /**
   * A dimension of variable size is -1.
   */
  'shape'?: (number | string | Long)[];
}

export interface _inference_ModelMetadataResponse_TensorMetadata__Output {
  'name': (string);
  /**
   * BOOL, UINT8 … UINT64, INT8 … INT64, FP16, FP32, FP64 or BYTES.
   */
  'datatype': (string);
  /**
   * A dimension of variable size is -1.
   */
  'shape': (number)[];
}

export interface ModelMetadataResponse {
  'name'?: (string);
  /**
   * Versions that this server serves now.
   */
  'versions'?: (string)[];
  /**
   * "onnxruntime_onnx/" and the execution provider in use: cpu or cuda.
   */
  'platform'?: (string);
  'inputs'?: (_inference_ModelMetadataResponse_TensorMetadata)[];
  'outputs'?: (_inference_ModelMetadataResponse_TensorMetadata)[];
}

export interface ModelMetadataResponse__Output {
  'name': (string);
  /**
   * Versions that this server serves now.
   */
  'versions': (string)[];
  /**
   * "onnxruntime_onnx/" and the execution provider in use: cpu or cuda.
   */
  'platform': (string);
  'inputs': (_inference_ModelMetadataResponse_TensorMetadata__Output)[];
  'outputs': (_inference_ModelMetadataResponse_TensorMetadata__Output)[];
}
