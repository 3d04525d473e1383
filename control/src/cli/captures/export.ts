import { existsSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { findExamples } from '../../captures/examples.ts';
import { openJudged } from '../../captures/judged-source.ts';
import { type WrittenDataset, writeDataset } from '../../captures/write-dataset.ts';
import { audited } from '../audited.ts';
import { CliError } from '../errors.ts';
import { globalsOf, print } from '../print.ts';
import { findInstallation, type Installation, type Surroundings } from '../surroundings.ts';
import { openStore, WITHIN_MS } from './open-store.ts';

interface Exported extends WrittenDataset {
  readonly disputed: number;
  readonly unjudged: number;
}

export function addExport(captures: Command, around: Surroundings): void {
  captures
    .command('export')
    .description('write images that have feedback, and a manifest, as a dataset for training')
    .requiredOption('--out <folder>', 'a new or empty folder')
    .action(async ({ out }: { readonly out: string }, command: Command) => {
      const installation = findInstallation(around, globalsOf(command).env);
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
  const source = await openJudged(installation, around.fetch);
  try {
    const { examples, disputed, unjudged } = await findExamples(store, source, signal);
    return { ...(await writeDataset(dir, { store, examples }, signal)), disputed, unjudged };
  } finally {
    await source.close();
  }
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
