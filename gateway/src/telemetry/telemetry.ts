import type { Reason } from '@headgate/contracts/errors';
import type { TraceContext } from '@headgate/contracts/trace-context';
import type { KeyCredential } from '../auth/identity.ts';
import type { QuotaScope, RouteGroup } from '../rate-limit/rules.ts';

/** What one finished HTTP request tells the outside. Labels are already bounded (decision 0010). */
export interface RequestRecord {
  readonly requestId: string;
  /** What the answer is known by; undefined when the request did not get that far. */
  readonly predictionId: string | undefined;
  readonly trace: TraceContext;
  readonly method: string;
  /** Route pattern, or `other`. */
  readonly route: string;
  readonly status: number;
  readonly reason: Reason | undefined;
  readonly durationMs: number;
  /** Id of the key record, never the key. */
  readonly keyId: string | undefined;
  /** What lies behind a failure; logged, never answered. */
  readonly cause: unknown;
}

/** What one answered (or failed) prediction item tells the outside. */
export interface PredictionRecord {
  readonly model: string;
  readonly version: string;
  /** Variant that served it; null for an explicit version. */
  readonly variant: string | null;
  /** Variant that the unit hashes to; differs from `variant` while its version is not ready. */
  readonly assignedVariant: string | null;
  readonly outcome: 'ok' | Reason;
  readonly durationMs: number;
}

/** What a request turned out to be. */
export interface SpanOutcome
  extends Pick<RequestRecord, 'status' | 'reason' | 'requestId' | 'predictionId' | 'route'> {}

/** A span that is open; does nothing when no tracing SDK runs. */
export interface OpenSpan {
  /** Context to pass on: the span's own when it records, else the one that came in. */
  readonly context: TraceContext;
  end(outcome: SpanOutcome): void;
}

/** Everything the app reports, so that app.ts and its layers know no metrics, log or tracing library. */
export interface Telemetry {
  requestStarted(): void;
  requestFinished(record: RequestRecord): void;
  predictionFinished(record: PredictionRecord): void;
  rateLimited(scope: QuotaScope, group: RouteGroup): void;
  authFailed(reason: Reason): void;
  /** The wrong credentials of an address are refused with 429 for so long. */
  addressLockedOut(address: string, forMs: number): void;
  /** A request was refused in place of inference, before its body was read. */
  requestShed(model: string, version: string): void;
  /** A configured key was accepted. */
  keyUsed(keyId: string, secret: KeyCredential['secret']): void;
  /** A body arrived, whole. */
  bodyReceived(bytes: number): void;
  /** Opens the server span of a request, as a child of the caller's context if there is one. */
  startSpan(name: string, parent: TraceContext | undefined): OpenSpan;
}
