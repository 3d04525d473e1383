import type { LiveFigures } from '../figures/live-figures.ts';

/**
 * In words why a version cannot take all units yet; null when it can. Gateways that do not answer are left out: one
 * that is down must not hold up a rollback.
 */
export function unready(
  figures: Pick<LiveFigures, 'readyOn' | 'gateways'>,
  model: string,
  version: string,
): string | null {
  const answering = new Set(figures.gateways().flatMap(({ address, ready }) => (ready ? [address] : [])));
  if (answering.size === 0) return 'no gateway answers control';
  const missing = figures
    .readyOn(model, version)
    .filter(({ address, ready }) => answering.has(address) && !ready);
  if (missing.length === 0) return null;
  return `version ${version} is not ready on ${missing.map(({ address }) => address).join(', ')}`;
}
