import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { parse, stringify } from 'yaml';
import { ROOT } from '../../../test/e2e/harness/stack.ts';
import { PHOTOS_DIR } from '../photos.ts';

/** A model whose batching gain is measured, and the photos that suit it. */
export interface BatchedModel {
  readonly model: string;
  readonly photosDir: string;
}

export const VERSION = '1';

/**
 * One model that computes much, and one so small that all the rest dominates.
 *
 * @param dir gets the one small photo of the tiny model
 */
export async function batchedModels(dir: string): Promise<BatchedModel[]> {
  const digits = join(dir, 'digits-photos');
  mkdirSync(digits);
  await sharp(join(ROOT, 'samples/digit-7.png')).jpeg().toFile(join(digits, 'digit-7.jpg'));
  return [
    { model: 'efficientnet-lite0', photosDir: PHOTOS_DIR },
    { model: 'digits', photosDir: digits },
  ];
}

/** A model repository with copies of these models, whose manifests say another batch size; returns its path. */
export function copyModels(path: string, models: readonly BatchedModel[], maxBatchSize: number): string {
  for (const { model } of models) {
    const folder = join(path, model, VERSION);
    cpSync(join(ROOT, 'models', model, VERSION), folder, { recursive: true });
    const file = join(folder, 'manifest.yaml');
    const manifest = parse(readFileSync(file, 'utf8')) as { batching: Record<string, unknown> };
    manifest.batching.max_batch_size = maxBatchSize;
    writeFileSync(file, stringify(manifest));
  }
  return path;
}

/** A routing table that serves exactly these models; returns `path`. */
export function routeAll(path: string, models: readonly BatchedModel[]): string {
  const entry = (model: string) => ({
    versions: [VERSION],
    experiment: {
      name: model,
      salt: model,
      variants: [{ name: 'only', version: VERSION, weight: 100 }],
    },
  });
  const table = {
    schema: 1,
    default_model: models[0]?.model,
    models: Object.fromEntries(models.map(({ model }) => [model, entry(model)])),
  };
  writeFileSync(path, stringify(table));
  return path;
}
