export interface RequestView {
  /** Prediction id; the id that was asked for where no prediction was recorded. */
  readonly id: string;
  /** Which of its ids was asked for. */
  readonly found_by: 'id' | 'request_id' | 'trace_id';
  readonly request_id: string | null;
  readonly trace_id: string | null;
  readonly at_ms: number;
  readonly model: string;
  readonly items: readonly RequestItem[];
  /** Of the audit log, for the same request, oldest first. */
  readonly audit: readonly AuditRow[];
}

export interface RequestItem {
  readonly index: number;
  readonly version: string;
  readonly variant: string | null;
  readonly assigned_variant: string | null;
  readonly experiment: string | null;
  readonly outcome: string;
  readonly latency_ms: number;
  readonly label: string | null;
  readonly score: number | null;
  readonly image_sha256: string | null;
  readonly image_bytes: number | null;
  /** Keyed hashes: who asked, and whose unit it was. */
  readonly tenant: string;
  readonly unit: string;
  /** What the caller said about it later. */
  readonly feedback: {
    readonly at_ms: number;
    readonly label: string | null;
    readonly class_id: number | null;
    readonly reward: number | null;
  } | null;
}

export interface AuditRow {
  readonly at_ms: number;
  /** Log that has it, and the place in it. */
  readonly writer: string;
  readonly seq: number;
  /** `aggregate` counts calls of strangers, `gap` records that were lost. */
  readonly type: 'call' | 'change' | 'aggregate' | 'gap';
  /** `key:ID`, `user:NAME`, `system`, or a pseudonym of another credential; null when nobody was identified. */
  readonly who: string | null;
  /** Method and route, or the action of a change. */
  readonly action: string;
  /** Status of a call, or outcome of a change. */
  readonly outcome: string;
  /** Why a call was refused, or a change made or refused. */
  readonly reason: string | null;
  readonly request_id: string | null;
  /** Of the prediction, and of the trace; null where there is none. */
  readonly id: string | null;
  readonly trace_id: string | null;
  readonly detail: Readonly<Record<string, string | number>>;
}

/** Newest first. */
export interface AuditPage {
  readonly entries: readonly AuditRow[];
  /** Where the older entries begin, for `after`; null where there are none. */
  readonly next: string | null;
  /** Entries before this moment may be missing, since the store does not have them yet; null where none is. */
  readonly lacks_before_ms: number | null;
}

export interface DependencyView {
  readonly name: string;
  /** `starting`: not known yet. `off`: not used, or not seen from here. */
  readonly state: 'ok' | 'starting' | 'degraded' | 'down' | 'off';
  /** What was found, in words. */
  readonly detail: string;
  /** What to do about it; empty when nothing is to be done. */
  readonly remedy: string;
  readonly checked_at_ms: number;
}
