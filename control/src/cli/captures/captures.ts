import type { Command } from 'commander';
import type { Surroundings } from '../surroundings.ts';
import { addErase } from './erase.ts';
import { addExport } from './export.ts';
import { addList } from './list.ts';

/** `headgate captures`: images that were kept for training. */
export function addCaptures(program: Command, around: Surroundings): void {
  const captures = program
    .command('captures')
    .description('list, erase and export images that were kept for training');
  for (const add of [addList, addErase, addExport]) add(captures, around);
}
