import { METRIC } from '@headgate/contracts/names';
import { TAG } from '@headgate/contracts/registry';
import type { Figures, Scraper } from '../cluster/scrape.ts';
import type { RegisteredVersion } from './registry.ts';

/** Figures of inference processes that this file reads. */
export const CONTENT_NAMES: readonly string[] = [METRIC.modelManifest];

export type InferenceFigures = Pick<Scraper, 'round' | 'figures'>;

export type Content = 'registered' | 'other' | 'unknown';

/**
 * What the inference processes serve that have the version ready; `unknown` while none has. A folder below
 * `inference.models_dir` outranks the registry, and may have another content under the same number.
 */
export function contentOf(
  figures: Figures,
  model: string,
  { version, tags }: Pick<RegisteredVersion, 'version' | 'tags'>,
): Content {
  const served = [...figures.values()]
    .flat()
    .filter(({ name, labels }) => name === METRIC.modelManifest && labels.model === model)
    .flatMap(({ labels }) => (labels.version === version ? [labels.sha256] : []));
  if (served.length === 0) return 'unknown';
  const registered = [tags[TAG.manifest], tags[TAG.folder]].filter((digest) => digest !== undefined);
  const isRegistered = served.every((digest) => digest !== undefined && registered.includes(digest));
  return isRegistered ? 'registered' : 'other';
}

export const contentDiffers = (version: string): string =>
  `Inference serves another content as version ${version} than the registered one: take that folder out of inference.models_dir, or rename it to a number that MLflow does not use, or load the version again.`;
