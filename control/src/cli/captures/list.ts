import type { Command } from 'commander';
import { globalsOf, print, table } from '../print.ts';
import { findInstallation, type Surroundings } from '../surroundings.ts';
import { openStore, WITHIN_MS } from './open-store.ts';

interface Day {
  readonly day: string;
  readonly images: number;
  readonly units: number;
  readonly bytes: number;
}

export function addList(captures: Command, around: Surroundings): void {
  captures
    .command('list')
    .description('show how many images of how many units are kept of each day')
    .action(async (_: unknown, command: Command) => {
      const store = await openStore(findInstallation(around, globalsOf(command).env));
      const signal = AbortSignal.timeout(WITHIN_MS);
      const days: Day[] = [];
      for (const day of await store.days(signal)) {
        const units = new Set<string>();
        let images = 0;
        let bytes = 0;
        for await (const captured of store.list(day, { signal })) {
          units.add(captured.unit);
          images += 1;
          bytes += captured.bytes;
        }
        days.push({ day, images, units: units.size, bytes });
      }
      print(command, around, { days }, inWords);
    });
}

function inWords({ days }: { readonly days: readonly Day[] }): string {
  if (days.length === 0) return 'no image is kept';
  const rows = days.map(({ day, images, units, bytes }) => [day, ...[images, units, bytes].map(String)]);
  return table(['DAY', 'IMAGES', 'UNITS', 'BYTES'], rows);
}
