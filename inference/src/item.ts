import type { HeadgateError } from '@headgate/contracts/errors';
import type { SpanContext } from '@opentelemetry/api';
import type { Payload, Row } from './engine/protocol.ts';

/** One image, or one row of tensors, on its way through a model version. */
export interface Item {
  /** Unique within the dispatcher. */
  readonly id: number;
  readonly payload: Payload;
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
}
