// Original file: protos/inference/grpc_service.proto

import type { Long } from '@grpc/proto-loader';

export interface MemoryUsage {
  /**
   * CPU.
   */
  'type'?: (string);
  'id'?: (number | string | Long);
  /**
   * Resident memory of the version's engine processes.
   */
  'byte_size'?: (number | string | Long);
}

export interface MemoryUsage__Output {
  /**
   * CPU.
   */
  'type': (string);
  'id': (number);
  /**
   * Resident memory of the version's engine processes.
   */
  'byte_size': (number);
}
