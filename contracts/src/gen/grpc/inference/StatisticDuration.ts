// Original file: protos/inference/grpc_service.proto

import type { Long } from '@grpc/proto-loader';

/**
 * How often something happened, and how long it took altogether.
 */
export interface StatisticDuration {
  'count'?: (number | string | Long);
  'ns'?: (number | string | Long);
}

/**
 * How often something happened, and how long it took altogether.
 */
export interface StatisticDuration__Output {
  'count': (number);
  'ns': (number);
}
