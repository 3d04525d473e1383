import { z } from 'zod';

/** Who did what, when, with which outcome (docs/audit.md). */
export const auditSchema = z.strictObject({
  /** file: a hash-chained log on disk. none: nothing is kept. */
  sink: z.enum(['file', 'none']),
  /**
   * Where control brings the records besides, up to the last anchored head: its embedded database, PostgreSQL, or
   * nowhere.
   */
  store: z.enum(['none', 'embedded', 'postgres']),
  /** postgres://user:password@host:port/database, for the store postgres; best of a role that may only append. */
  postgres_url: z.string().meta({ secret: true }),
  ship: z.strictObject({
    /** Most records of one statement. */
    batch_records: z.number().int().min(1).max(10_000),
    /** When control looks for heads for the first time: the start of the service comes first. */
    first_after_ms: z.number().int().min(0).max(600_000),
    /** How often control looks for new heads. */
    interval_ms: z.number().int().min(10).max(60_000),
    /** Pauses after failures: at random, growing from the least to the most. */
    retry_min_ms: z.number().int().min(1).max(60_000),
    retry_max_ms: z.number().int().min(1).max(600_000),
    /** A record whose head is older than that and that is not stored counts as cut off. */
    max_lag_ms: z.number().int().min(1000).max(604_800_000),
  }),
  /** Each writer has a directory of its own in it. Must outlive the process. */
  dir: z.string().min(1),
  /** Name of this gateway as a writer, unique and the same after a restart; empty = host name and port. */
  writer: z.string().regex(/^[A-Za-z0-9._-]{0,128}$/, 'expected letters, digits, dot, dash and underscore'),
  /** Most bytes of the log of one writer; records beyond are lost and counted, changes are refused. */
  max_bytes: z
    .number()
    .int()
    .min(16 * 2 ** 20),
  /** Calls are on disk, as a group, within so many ms; changes at once. */
  sync_interval_ms: z.number().int().min(10).max(60_000),
  /** Files of the log that are stored elsewhere are removed after so many days, or once it has half its full size. */
  keep_days: z.number().int().min(1).max(3650),
  /** Heads of the chains, one a line. Belongs on another disk, or is copied elsewhere: it shows a cut end. */
  heads_file: z.string().min(1),
  /** How often the head is written there, in ms. */
  anchor_interval_ms: z.number().int().min(100).max(86_400_000),
  /** Keys of the pseudonyms in the log. Destroying one is erasing whom it stands for. */
  keys_dir: z.string().min(1),
  /** The key of a day's client addresses is destroyed after so many days. */
  address_days: z.number().int().min(1).max(3650),
  /** The key of a credential that was not used for so many days is destroyed. */
  credential_days: z.number().int().min(1).max(3650),
  /** Most credentials that have a key of their own; more of them share one a day, which goes as those of addresses. */
  max_credential_keys: z.number().int().min(1).max(10_000_000),
});
