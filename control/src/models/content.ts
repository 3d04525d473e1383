import { METRIC } from '@headgate/contracts/names';
import { TAG } from '@headgate/contracts/registry';
import type { Figures, Scraper } from '../cluster/scrape.ts';
import type { RegisteredVersion } from './registry.ts';

/** Figures of inference processes that this file reads. */
export const CONTENT_NAMES: readonly string[] = [METRIC.modelManifest];

export type InferenceFigures = Pick<Scraper, 'round' | 'figures'>;

/**
 * Whether each inference process that has the version ready serves it as it was registered; undefined while none has. A
 * folder below `inference.models_dir` outranks the registry, and may have another content under the same number.
 */
export function isAsRegistered(
  figures: Figures,
  model: string,
  { version, tags }: Pick<RegisteredVersion, 'version' | 'tags'>,
): boolean | undefined {
  const served = [...figures.values()]
    .flat()
    .filter(({ name, labels }) => name === METRIC.modelManifest && labels.model === model)
    .flatMap(({ labels }) => (labels.version === version ? [labels.sha256] : []));
  if (served.length === 0) return undefined;
  const registered = [tags[TAG.manifest], tags[TAG.folder]].filter((digest) => digest !== undefined);
  return served.every((digest) => digest !== undefined && registered.includes(digest));
}

export const otherContent = (version: string): string =>
  `Inference serves another content as version ${version} than the registered one: take that folder out of inference.models_dir or give it a free number, or load the version again.`;
