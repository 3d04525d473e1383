// Original file: protos/inference/grpc_service.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Number of events and their total duration.
 */
export interface StatisticDuration {
  'count'?: (number | string | Long);
  'ns'?: (number | string | Long);
}

/**
 * Number of events and their total duration.
 */
export interface StatisticDuration__Output {
  'count': (number);
  'ns': (number);
}
