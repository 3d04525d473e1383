import { portOf } from '@headgate/contracts/names';
import { openPostgres } from '@headgate/stores/postgres/database';
import {
  type JudgedImage,
  type JudgedQuery,
  judgedImageSchema,
  judgedImages,
} from '@headgate/stores/records/judged';
import { z } from 'zod';
import { CliError } from '../cli/errors.ts';
import type { Installation } from '../cli/surroundings.ts';

/** Where feedback is asked for. */
export interface JudgedSource {
  page(query: JudgedQuery): Promise<readonly JudgedImage[]>;
  close(): Promise<void>;
}

const WITHIN_MS = 60_000;
const answerSchema = z.strictObject({ images: z.array(judgedImageSchema) });

/** The records in PostgreSQL; the embedded database belongs to control, which is asked. */
export async function openJudged(
  { config: { records, listen } }: Installation,
  fetch: typeof globalThis.fetch,
): Promise<JudgedSource> {
  if (records.sink === 'postgres') {
    const db = await openPostgres({ url: records.postgres_url, timeoutMs: WITHIN_MS });
    return { page: (query) => judgedImages(db, query), close: () => db.close() };
  }
  const local = `127.0.0.1:${portOf(listen.port_base, 'control')}`;
  const url = `http://${records.control_target || local}/internal/judged`;
  return { page: (query) => askControl(url, query, fetch), close: async () => undefined };
}

async function askControl(
  url: string,
  query: JudgedQuery,
  fetch: typeof globalThis.fetch,
): Promise<readonly JudgedImage[]> {
  const failed = (cause: unknown) =>
    new CliError('failed', 'control does not tell which images have feedback', {
      remedy: 'start the service: the embedded database lives in its process control',
      cause,
    });
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(query),
    signal: AbortSignal.timeout(WITHIN_MS),
  }).catch((cause: unknown) => {
    throw failed(cause);
  });
  const answer = answerSchema.safeParse(response.ok ? await response.json() : undefined);
  if (!answer.success) throw failed(answer.error);
  return answer.data.images;
}
