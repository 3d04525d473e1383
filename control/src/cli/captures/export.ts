import { existsSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { openPostgres } from '@headgate/stores/postgres/database';
import {
  type JudgedImage,
  type JudgedQuery,
  judgedImageSchema,
  judgedImages,
} from '@headgate/stores/records/judged';
import type { Command } from 'commander';
import { z } from 'zod';
import { askControl } from '../ask-control.ts';
import { audited } from '../audited.ts';
import { CliError } from '../errors.ts';
import { print } from '../print.ts';
import { type Installation, installationOf, type Surroundings } from '../surroundings.ts';
import { findExamples, type WrittenDataset, writeDataset } from './dataset.ts';
import { openStore, WITHIN_MS } from './open-store.ts';

interface Exported extends WrittenDataset {
  readonly disputed: number;
  readonly unjudged: number;
}

/** Where feedback is asked for. */
interface JudgedSource {
  page(query: JudgedQuery): Promise<readonly JudgedImage[]>;
  close(): Promise<void>;
}

const PAGE_WITHIN_MS = 60_000;
const pageSchema = z.strictObject({ images: z.array(judgedImageSchema) });

export function addExport(captures: Command, around: Surroundings): void {
  captures
    .command('export')
    .description('write images that have feedback, and a manifest, as a dataset for training')
    .requiredOption('--out <folder>', 'a new or empty folder')
    .action(async ({ out }: { readonly out: string }, command: Command) => {
      const installation = installationOf(command, around);
      const dir = resolve(around.cwd, out);
      requireEmpty(dir);
      const write = () => exportTo(dir, installation, around);
      const exported = await audited({ action: 'captures.export', detail: {} }, installation, around, write);
      print(command, around, exported, (result) => inWords(result, dir));
    });
}

async function exportTo(dir: string, installation: Installation, around: Surroundings): Promise<Exported> {
  const signal = AbortSignal.timeout(WITHIN_MS);
  const store = await openStore(installation);
  const source = await openJudged(installation, around);
  try {
    const { examples, disputed, unjudged } = await findExamples(store, source.page, signal);
    return { ...(await writeDataset(dir, { store, examples }, signal)), disputed, unjudged };
  } finally {
    await source.close();
  }
}

/** The records in PostgreSQL; the embedded database belongs to control, which is asked. */
async function openJudged(installation: Installation, around: Surroundings): Promise<JudgedSource> {
  const { records } = installation.config;
  if (records.sink === 'postgres') {
    const db = await openPostgres({ url: records.postgres_url, timeoutMs: PAGE_WITHIN_MS });
    return { page: (query) => judgedImages(db, query), close: () => db.close() };
  }
  const question = { path: '/internal/judged', answer: pageSchema, withinMs: PAGE_WITHIN_MS } as const;
  return {
    page: async (body) => (await askControl({ ...question, body }, installation, around)).images,
    close: async () => undefined,
  };
}

/** Images of an earlier export may have been erased since. */
function requireEmpty(dir: string): void {
  if (!existsSync(dir) || readdirSync(dir).length === 0) return;
  throw new CliError('conflict', `${dir} is not empty`, { remedy: 'name a new folder' });
}

function inWords({ images, bytes, missing, disputed, unjudged }: Exported, dir: string): string {
  const left = `${unjudged} without feedback, ${disputed} with feedback that disagrees, ${missing} gone`;
  return `${images} images (${bytes} bytes) and manifest.jsonl in ${dir}; left out: ${left}`;
}
