import type { Manifest } from '@headgate/contracts/manifest';
import type { BatchPolicy } from './batch.ts';
import type { QueuePolicy } from './queue.ts';

/** The policies of a model version, as its manifest words them. */
export function policiesOf({ batching }: Pick<Manifest, 'batching'>): {
  readonly batch: BatchPolicy;
  readonly queue: QueuePolicy;
} {
  return {
    batch: { maxBatchSize: batching.max_batch_size, maxQueueDelayMs: batching.max_queue_delay_ms },
    queue: {
      maxQueueSize: batching.max_queue_size,
      levels: Math.max(1, batching.priority_levels),
      defaultLevel: Math.max(1, batching.default_priority_level),
      starvationMs: batching.starvation_ms,
      timeoutAction: batching.timeout_action,
      defaultTimeoutMs: batching.default_timeout_ms || Number.POSITIVE_INFINITY,
      allowTimeoutOverride: batching.allow_timeout_override,
    },
  };
}
