import { findBinaries } from '../../scripts/services/binaries.ts';
import type { Fault } from './fault.ts';
import type { Network } from './link.ts';
import { type Measured, measureFault } from './measure.ts';
import { startSite } from './site.ts';
import type { Row } from './table.ts';

export interface FaultsRun {
  readonly rows: readonly Row[];
  /** Faults that could not happen here, and why. */
  readonly skipped: readonly string[];
}

/**
 * Does each fault under load, those with the same store one after the other on one site.
 *
 * @param say told the name of each fault as it begins
 */
export async function runFaults(
  faults: readonly Fault[],
  { network, say }: { readonly network: Network; readonly say: (line: string) => void },
): Promise<FaultsRun> {
  const rows: Row[] = [];
  const skipped: string[] = [];
  for (const sink of ['control', 'postgres'] as const) {
    const chosen = faults.filter((fault) => fault.sink === sink);
    if (chosen.length === 0) continue;
    if (sink === 'postgres' && findBinaries().postgresDir === undefined) {
      skipped.push(...chosen.map(({ name }) => `${name}: PostgreSQL is not installed`));
      continue;
    }
    const site = await startSite(sink, network);
    const measured: Measured[] = [];
    let lost: ReadonlySet<string> = new Set();
    try {
      for (const fault of chosen) {
        const obstacle = fault.obstacle?.(site);
        if (obstacle !== undefined) {
          skipped.push(`${fault.name}: ${obstacle}`);
          continue;
        }
        say(fault.name);
        measured.push(await measureFault(site, fault));
      }
    } finally {
      lost = await site.close(measured.flatMap(({ ids }) => ids));
    }
    rows.push(
      ...measured.map(({ ids, ...row }) => ({ ...row, lost: ids.filter((id) => lost.has(id)).length })),
    );
  }
  return { rows, skipped };
}
