import { z } from 'zod';
import { bytes, days, group, path, secret, target, writer } from './values.ts';

/** Predictions and their outcomes (docs/records.md). */
export const recordsSchema = group({
  sink: z
    .enum(['none', 'control', 'postgres'])
    .default('control')
    .describe("Where records end up: control's embedded database, PostgreSQL, or nowhere."),
  spool_dir: path
    .default('state/spool')
    .describe('Each writer has a directory of its own in it. Must outlive the process.'),
  writer: writer.describe(
    'Name of this gateway as a writer of records, unique and the same after a restart; empty: by its port.',
  ),
  spool_bytes: bytes
    .min(16 * 2 ** 20)
    .default(2 ** 30)
    .describe('Limit of the spool, about a million predictions; records beyond it are lost and counted.'),
  hash_key_file: path
    .default('state/records.key')
    .describe('Key of the hashes of units and keys, as hex; made when it is missing.'),
  sketches: z
    .boolean()
    .default(true)
    .describe('The engines sketch each image, so that drift of the input can be seen (decision 0046).'),
  retention_days: days
    .default(90)
    .describe('Records, and the right to judge predictions, end after so many days.'),
  control_target: target.describe('host:port of control; empty: the local process.'),
  postgres_url: secret(
    'postgres://user:password@host:port/database, for the sink postgres; several servers as host:port,host:port.',
  ),
  embedded_dir: path.default('state/store').describe("Directory of control's embedded database."),
});
