import type { Reason } from '@headgate/contracts/errors';

/** Who did what, when, with which outcome. Holds no secret and nothing about a person. */
export interface AuditEntry {
  /** ms since the Unix epoch. */
  readonly atMs: number;
  readonly requestId: string;
  /** Id of the key record; undefined when nobody was identified. */
  readonly keyId: string | undefined;
  readonly method: string;
  /** Route pattern, or `other`. */
  readonly route: string;
  readonly status: number;
  readonly reason: Reason | undefined;
}

/** Takes one entry per request, refused ones included. Must return at once: the answer waits for it. */
export interface AuditSink {
  record(entry: AuditEntry): void;
}

/** Keeps nothing. */
export const noAudit: AuditSink = { record: () => undefined };
