import { z } from 'zod';
import { group, ms, path } from './values.ts';

/** MLflow, where pipelines register model versions (docs/models.md). */
export const registrySchema = group({
  url: z
    .string()
    .default('')
    .describe(
      'Address of the MLflow server: https, or http on this machine and in the internal network; empty: none, the models folder alone.',
    ),
  token_file: z
    .string()
    .default('')
    .describe(
      'File with a bearer token for it, one line; read for each call, so that it may be rotated. Empty: none.',
    ),
  cache_dir: path
    .default('state/models-cache')
    .describe(
      'Inference keeps downloaded versions here, and serves them while the server is away; one folder for each process.',
    ),
  poll_ms: ms().default(5000).describe('Control asks for new versions and moved aliases this often.'),
  timeout_ms: ms()
    .default(10_000)
    .describe(
      'Limit of one call, and of a pause in a download; a whole download may take a second more for each MiB.',
    ),
});
