import type { InferenceConfig } from '@headgate/contracts/config/schema';
import type { Manifest } from '@headgate/contracts/manifest';
import type { AdmissionPolicy } from './admission/admission.ts';
import type { BatchPolicy } from './batch.ts';

/** How items of one model version wait; docs/inference.md has the words for operators. */
export interface QueuePolicy {
  /** Items that may wait, apart from the batches that engines gather. */
  readonly maxQueueSize: number;
  /** At least 1; level 1 goes first. */
  readonly levels: number;
  /** Of items whose caller names none. */
  readonly defaultLevel: number;
  /** An item that has waited longer goes before those of higher priority, in ms. */
  readonly starvationMs: number;
  /** What happens to an item that has waited too long: it is refused, or goes behind the others. */
  readonly timeoutAction: 'reject' | 'delay';
  /** How long an item may wait for its run unless its caller asks for less, in ms; Infinity: as long as it has time. */
  readonly defaultTimeoutMs: number;
  readonly allowTimeoutOverride: boolean;
}

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

export function admissionPolicyOf({ admission }: Pick<InferenceConfig, 'admission'>): AdmissionPolicy {
  const { enabled, target_share: targetShare, window_ms: windowMs } = admission.adaptive_limit;
  return {
    estimateMargin: admission.estimate_margin,
    answerReserveMs: admission.answer_reserve_ms,
    estimateMaxAgeMs: admission.estimate_max_age_ms,
    adaptiveLimit: enabled ? { targetShare, windowMs } : undefined,
  };
}
