import { findBinaries, missingPackages } from '@headgate/testkit/services/binaries';
import { type Fault, LAYOUTS } from './fault.ts';
import { type Measured, measureFault } from './measure.ts';
import { type SiteOptions, startSite } from './site.ts';
import type { Row } from './table.ts';

export interface FaultsRun {
  readonly rows: readonly Row[];
  /** Faults that could not happen here, and why. */
  readonly skipped: readonly string[];
}

export interface RunOptions extends SiteOptions {
  /** Told the name of each fault as it begins. */
  readonly say: (line: string) => void;
  /** Ends the run, and all that it started. */
  readonly signal: AbortSignal;
}

/**
 * Does each fault under load, those with the same store one after the other on one site.
 *
 * @throws Error of a fault that the site does not recover from, or the reason of the signal
 */
export async function runFaults(
  faults: readonly Fault[],
  { say, signal, ...options }: RunOptions,
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
    try {
      for (const fault of chosen) {
        const obstacle = fault.obstacle?.(site);
        if (obstacle === undefined) {
          say(fault.name);
          measured.push(await untilAborted(measureFault(site, fault), signal));
        } else skipped.push(`${fault.name}: ${obstacle}`);
      }
    } catch (error) {
      await site.abandon();
      throw error;
    }
    const lost = await site.close(measured.flatMap(({ ids }) => ids));
    rows.push(
      ...measured.map(({ ids, ...row }) => ({ ...row, lost: ids.filter((id) => lost.has(id)).length })),
    );
  }
  return { rows, skipped };
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([work, aborted]);
}
