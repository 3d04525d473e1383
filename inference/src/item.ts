import type { HeadgateError } from '@headgate/contracts/errors';
import type { DecodeCost } from '@headgate/contracts/image/decode-cost';
import type { SpanContext } from '@opentelemetry/api';
import type { Payload, Row } from './engine/protocol.ts';

/** One image, or one row of tensors, on its way through a model version. */
export interface Item {
  /** Unique within the dispatcher. */
  readonly id: number;
  readonly payload: Payload;
  /** What decoding it takes, by its header. */
  readonly cost: DecodeCost;
  /** Whose share of the engines it takes: a tenant, or a caller inside. */
  readonly share: string;
  /** Its image is to be sketched too. */
  readonly sketch?: boolean;
  /** Priority level; 1 goes first. */
  readonly level: number;
  /** Monotonic, in ms. */
  readonly queuedAtMs: number;
  /** Monotonic, in ms: when its caller stops waiting. */
  readonly deadlineAtMs: number;
  /** Span of its request, for the links of the batch span. */
  readonly span: SpanContext | undefined;
  /** Answers the item's caller. Only the first call counts. */
  readonly settle: (outcome: ItemOutcome) => void;
}

export type ItemOutcome =
  | { readonly ok: true; readonly result: ItemResult }
  | { readonly ok: false; readonly error: HeadgateError };

export interface ItemResult {
  readonly row: Row;
  /** Waiting, decoding apart. */
  readonly queueMs: number;
  readonly decodeMs: number;
  /** Of the whole batch. */
  readonly runMs: number;
  readonly batchSize: number;
  /** Only where a cache is on. */
  readonly cache?: CacheNote;
}

/** `hit`: kept from before. `miss`: run for this caller. `shared`: run for another one who asked at the same time. */
export type CacheOutcome = 'hit' | 'miss' | 'shared';

interface CacheNote {
  readonly outcome: CacheOutcome;
  /** Time to make the key, in ms. */
  readonly lookupMs: number;
}

/** Whether an answer cost a run of its own. */
export function didRun({ cache }: ItemResult): boolean {
  return cache === undefined || cache.outcome === 'miss';
}
