import type { Reason } from '@headgate/contracts/errors';

/** Who did what, when, with which outcome. Holds no secret; names of callers and addresses leave it only as pseudonyms. */
export interface AuditEntry {
  /** ms since the Unix epoch. */
  readonly atMs: number;
  readonly requestId: string;
  /** Of the answer, where there is one; and of its trace. */
  readonly predictionId?: string | undefined;
  readonly traceId?: string | undefined;
  /** Id of the key record, or `cert:` and the name in a client certificate; undefined when nobody was identified. */
  readonly keyId: string | undefined;
  /** The client's address as quotas count it; undefined when the request was refused before it was looked at. */
  readonly address: string | undefined;
  readonly method: string;
  /** Route pattern, or `other`; over gRPC the name of the call. */
  readonly route: string;
  /** Of HTTP; over gRPC that of gRPC, where 0 is success. */
  readonly status: number;
  readonly reason: Reason | undefined;
}

/** Something that changes what others get. */
export interface AuditChange {
  /** ms since the Unix epoch. */
  readonly atMs: number;
  /** Id of the key record, or an operator, as `user:alice`; undefined for what the process found by itself. */
  readonly keyId: string | undefined;
  readonly action: ChangeAction;
  readonly outcome: 'accepted' | 'refused' | 'attempted';
  /** Names and numbers, and as `why` the reason in words; no secrets. */
  readonly detail: Readonly<Record<string, string | number>>;
  readonly requestId: string | undefined;
}

export type ChangeAction =
  | 'gateway.start'
  | 'gateway.stop'
  | 'inference.start'
  | 'inference.stop'
  | 'routing.reload'
  | 'keys.reload'
  | 'routing.write'
  | 'routing.edit'
  | 'rollout.start'
  | 'rollout.step'
  | 'rollout.wait'
  | 'rollout.pause'
  | 'rollout.resume'
  | 'rollout.promote'
  | 'rollout.rollback'
  | 'control.start'
  | 'control.stop'
  | 'session.start'
  | 'session.end'
  | 'model.approve'
  | 'model.reject'
  | 'model.rollback'
  | 'model.load'
  | 'model.unload';

export interface AuditSink {
  /**
   * Takes one entry per request, refused ones included; many without an identity may share a record. Must return at
   * once: the answer waits for it.
   */
  record(entry: AuditEntry): void;
  /**
   * Settles once the record survives a power cut. A caller that is about to change something waits for it.
   *
   * @throws HeadgateError records_unavailable: then nothing may be changed
   */
  change(change: AuditChange): Promise<void>;
}

/** Keeps nothing. */
export const noAudit: AuditSink = { record: () => undefined, change: async () => undefined };
