import { z } from 'zod';
import { bytes, days, group, ms, path, secret, writer } from './values.ts';

/** Who did what, when, with which outcome (docs/audit.md). */
export const auditSchema = group({
  sink: z
    .enum(['file', 'none'])
    .default('file')
    .describe('file: a hash-chained log on disk. none: nothing is kept.'),
  store: z
    .enum(['none', 'embedded', 'postgres'])
    .default('embedded')
    .describe('Where control copies the records, up to the last anchored head.'),
  postgres_url: secret(
    'postgres://user:password@host:port/database, for the store postgres; best of a role that may only append.',
  ),
  dir: path
    .default('state/audit')
    .describe('Each writer has a directory of its own in it. Must outlive the process.'),
  writer: writer.describe(
    'Name of this gateway as a writer, unique and the same after a restart; empty: host name and port.',
  ),
  max_bytes: bytes
    .min(16 * 2 ** 20)
    .default(2 ** 30)
    .describe(
      'Limit of the log of one writer, about three million calls; records beyond it are lost and counted, changes are refused.',
    ),
  keep_days: days
    .default(30)
    .describe(
      'Files of the log that are stored elsewhere are removed after so many days, or once the log has half its full size.',
    ),
  heads_file: path
    .default('state/audit-heads.jsonl')
    .describe(
      'Heads of the chains, one a line. Belongs on another disk, or is copied elsewhere: it shows a cut end.',
    ),
  anchor_interval_ms: ms(300_000)
    .default(60_000)
    .describe('How often the head is written there: records after the last head can be cut off unseen.'),
  keys_dir: path
    .default('state/audit-keys')
    .describe(
      'Keys of the names in the log, one for each day and kind. Without a key nobody can look up its names.',
    ),
  address_days: days.default(30).describe('The keys of client addresses are destroyed after so many days.'),
  credential_days: days
    .default(400)
    .describe('The keys of token subjects, services and operators are destroyed after so many days.'),
});
