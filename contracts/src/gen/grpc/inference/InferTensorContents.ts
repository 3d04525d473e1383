// Original file: protos/inference/grpc_service.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Typed, flattened, row-major tensor values: exactly one list is filled, the one of the tensor's datatype.
 */
export interface InferTensorContents {
  'bool_contents'?: (boolean)[];
  /**
   * INT8, INT16 and INT32.
   */
  'int_contents'?: (number)[];
  'int64_contents'?: (number | string | Long)[];
  /**
   * UINT8, UINT16 and UINT32.
   */
  'uint_contents'?: (number)[];
  'uint64_contents'?: (number | string | Long)[];
  'fp32_contents'?: (number | string)[];
  'fp64_contents'?: (number | string)[];
  'bytes_contents'?: (Buffer | Uint8Array | string)[];
}

/**
 * Typed, flattened, row-major tensor values: exactly one list is filled, the one of the tensor's datatype.
 */
export interface InferTensorContents__Output {
  'bool_contents': (boolean)[];
  /**
   * INT8, INT16 and INT32.
   */
  'int_contents': (number)[];
  'int64_contents': (number)[];
  /**
   * UINT8, UINT16 and UINT32.
   */
  'uint_contents': (number)[];
  'uint64_contents': (number)[];
  'fp32_contents': (number)[];
  'fp64_contents': (number)[];
  'bytes_contents': (Buffer)[];
}
