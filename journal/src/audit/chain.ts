import { hash } from 'node:crypto';

/**
 * A record of the audit log as bytes: its hash (32 bytes), then its body, JSON in UTF-8 whose keys have a fixed order.
 * The hash is SHA-256 of the previous record's hash and the body, so each one vouches for all before it.
 */
export const HASH_BYTES = 32;

/** What comes before the first record. */
export const GENESIS: Head = { seq: 0, hash: Buffer.alloc(HASH_BYTES) };

/** Largest body of one record. */
export const MAX_BODY_BYTES = 16 * 1024;

/** Action of the change that removes old records of a log, up to the place and hash in its detail. */
export const TRIM = 'audit.trim';

/** A record's place in the chain of its writer, and its hash. */
export interface Head {
  readonly seq: number;
  readonly hash: Uint8Array;
}

/** What happened, without its place in the chain. Names of callers and addresses are pseudonyms (pseudonyms.ts). */
export type AuditFact =
  | {
      readonly type: 'call';
      /** Pseudonym of the credential; null when nobody was identified. */
      readonly who: string | null;
      readonly address: string | null;
      readonly method: string;
      readonly route: string;
      readonly status: number;
      /** Why it was refused or failed; null when it was not. */
      readonly reason: string | null;
      readonly request_id: string;
      /** Of the prediction, and of the trace; absent where there is none, and in older records. */
      readonly id?: string;
      readonly trace_id?: string;
    }
  | {
      readonly type: 'change';
      /** Key or operator, pseudonym of another credential, or `system` for what the process found by itself. */
      readonly who: string;
      readonly action: string;
      readonly outcome: 'accepted' | 'refused' | 'attempted';
      readonly detail: Readonly<Record<string, string | number>>;
      readonly request_id: string | null;
    }
  /** Stands for calls that have no records of their own, because strangers sent too many at once (anonymous.ts). */
  | {
      readonly type: 'aggregate';
      readonly of: 'calls without an identity';
      readonly calls: number;
      readonly from_ms: number;
      readonly to_ms: number;
      /** Calls by the reason of their refusal; `none`: not refused. */
      readonly reasons: Readonly<Record<string, number>>;
      /** How many different ones, at least. */
      readonly addresses: number;
      readonly more_addresses: boolean;
    }
  /** Stands for records that could not be kept. */
  | {
      readonly type: 'gap';
      readonly dropped: number;
      readonly from_ms: number;
      readonly to_ms: number;
      readonly cause: string;
    }
  /** Everything up to here was on disk when its head was written elsewhere. */
  | { readonly type: 'anchor' };

/** A fact with its place. */
export type AuditRecord = {
  readonly v: 1;
  readonly writer: string;
  readonly seq: number;
  readonly at_ms: number;
} & AuditFact;

export interface Link {
  readonly head: Head;
  readonly bytes: Uint8Array;
}

/**
 * The record that follows `previous`.
 *
 * @throws RangeError when the fact is too large to be a record
 */
export function link(previous: Head, writer: string, atMs: number, fact: AuditFact): Link {
  const seq = previous.seq + 1;
  const body = Buffer.from(JSON.stringify({ v: 1, writer, seq, at_ms: atMs, ...fact }));
  if (body.byteLength > MAX_BODY_BYTES) throw new RangeError('the fact is too large for one audit record');
  const digest = hashOf(previous.hash, body);
  return { head: { seq, hash: digest }, bytes: Buffer.concat([digest, body]) };
}

export interface Unlinked {
  readonly record: AuditRecord;
  readonly hash: Uint8Array;
  readonly body: Uint8Array;
}

/** The record in `bytes`, whatever its place; undefined when they are no audit record. */
export function unlink(bytes: Uint8Array): Unlinked | undefined {
  const body = bytes.subarray(HASH_BYTES);
  try {
    const record = JSON.parse(Buffer.from(body).toString());
    if (record.v !== 1 || typeof record.writer !== 'string' || !Number.isSafeInteger(record.seq))
      return undefined;
    return { record, hash: bytes.subarray(0, HASH_BYTES), body };
  } catch {
    return undefined;
  }
}

export function hashOf(previous: Uint8Array, body: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([previous, body]), 'buffer');
}
