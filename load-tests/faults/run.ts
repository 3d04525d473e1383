import { findBinaries, missingPackages } from '../../scripts/services/binaries.ts';
import { type Fault, LAYOUTS } from './fault.ts';
import { type Measured, measureFault } from './measure.ts';
import { type SiteOptions, startSite } from './site.ts';
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
  { say, ...options }: SiteOptions & { readonly say: (line: string) => void },
): Promise<FaultsRun> {
  const rows: Row[] = [];
  const skipped: string[] = [];
  for (const layout of LAYOUTS) {
    const chosen = faults.filter((fault) => fault.layout === layout);
    if (chosen.length === 0) continue;
    const missing = layout === 'services' ? missingPackages(findBinaries()) : [];
    if (missing.length > 0) {
      skipped.push(...chosen.map(({ name }) => `${name}: needs ${missing.join(' and ')}`));
      continue;
    }
    const site = await startSite(layout, options);
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
