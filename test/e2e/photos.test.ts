import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifestSchema } from '@headgate/contracts/manifest';
import { httpsClient } from '@headgate/testkit/http';
import { type Photo, samplePhoto, WHAT_A_PERSON_SEES } from '@headgate/testkit/photos';
import {
  expectPrediction,
  expectTop,
  postPhoto,
  postPhotos,
  type ScoredLabel,
} from '@headgate/testkit/predict';
import { ROOT } from '@headgate/testkit/root';
import sharp from 'sharp';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { parse } from 'yaml';
import { hugeJpegOf } from './harness/images.ts';

const { ready } = inject('stack');
const client = httpsClient(ready);
afterAll(() => client.close());

const SAMPLES = readdirSync(join(ROOT, 'samples'));
const VERSIONS = ['1', '2'] as const;

const versionPath = (version: string) => `/v1/models/${ready.model}/versions/${version}/predict`;

function photoOf(stem: string): Photo {
  const file = SAMPLES.find((name) => name.startsWith(`${stem}.`));
  if (!file) throw new Error(`samples/ holds no photo ${stem}`);
  return samplePhoto(file);
}

const cat = () => photoOf('chelsea');
const CAT = WHAT_A_PERSON_SEES.find(({ stem }) => stem === 'chelsea')?.classes ?? [];

describe('A real photo over HTTPS', () => {
  const cases = VERSIONS.flatMap((version) => WHAT_A_PERSON_SEES.map((seen) => ({ version, ...seen })));

  it.each(cases)('is what a person sees: version $version on $stem', async ({ version, stem, classes }) => {
    const answer = await postPhoto(client, photoOf(stem), {
      key: ready.keys.admin,
      path: versionPath(version),
    });
    const body = expectPrediction(answer);
    expect(body).toMatchObject({ model: ready.model, version, variant: null });
    expect(classes).toContain(expectTop(answer).class_id);
  });

  it('is classified by both versions of the experiment, and says which one it was', async () => {
    const seen = new Map<string | null, string>();
    for (let unit = 0; unit < 200 && seen.size < 2; unit += 1) {
      const answer = await postPhoto(client, cat(), { key: ready.keys.bench, unit: `cat-owner-${unit}` });
      const { variant, version } = expectPrediction(answer);
      expect(CAT).toContain(expectTop(answer).class_id);
      seen.set(variant, version);
    }
    expect(Object.fromEntries(seen)).toEqual({ fp32: '1', int8: '2' });
  });

  it('comes with its file name, its labels best first, and the time that each stage took', async () => {
    const answer = await postPhotos(client, [cat(), photoOf('coffee')], { key: ready.keys.bench });
    const { id, predictions, timing_ms } = expectPrediction(answer);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(predictions.map(({ index, filename }) => ({ index, filename }))).toEqual([
      { index: 0, filename: 'chelsea.png' },
      { index: 1, filename: 'coffee.png' },
    ]);
    for (const { top = [] } of predictions) {
      const scores = top.map(({ score }) => score);
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
      expect(top[0]?.label).toMatch(/^\w/);
    }
    expect(Object.keys(timing_ms).sort()).toEqual(['decode', 'queue', 'run', 'total', 'upstream']);
  });

  it.each(['jpeg', 'png', 'webp'] as const)('is a cat as %s too', async (format) => {
    const bytes = await sharp(cat().bytes).toFormat(format).toBuffer();
    const photo = { name: `cat.${format}`, type: `image/${format}`, bytes };
    expect(CAT).toContain(expectTop(await postPhoto(client, photo, { key: ready.keys.bench })).class_id);
  });

  it('of 9.9 MiB passes the whole path and is still a cat', async () => {
    const huge = await hugeJpegOf(cat(), Math.round(9.9 * 1024 * 1024));
    const answer = await postPhoto(client, huge, { key: ready.keys.admin, path: versionPath('1') });
    expect(CAT).toContain(expectTop(answer).class_id);
  });
});

describe('The golden outputs of the manifests', () => {
  it.each(VERSIONS)('are met over HTTPS by version %s', async (version) => {
    const folder = join(ROOT, 'models', ready.model, version);
    const manifest = manifestSchema.parse(parse(readFileSync(join(folder, 'manifest.yaml'), 'utf8')));
    const { samples, tolerance } = manifest.golden;
    expect(samples.length).toBeGreaterThan(0);
    for (const { file, top = [] } of samples) {
      const photo = goldenPhoto(folder, file);
      const answer = await postPhoto(client, photo, { key: ready.keys.admin, path: versionPath(version) });
      const served = expectPrediction(answer).predictions[0]?.top ?? [];
      expect(served[0]?.class_id, `${file}: best class`).toBe(top[0]?.class_id);
      for (const { class_id, score } of top) {
        expect(Math.abs(servedScore(served, class_id) - score), `${file}: class ${class_id}`).toBeLessThan(
          tolerance,
        );
      }
    }
  });
});

/** Score of a class; one that fell out of the answer has at most the last score in it. */
function servedScore(served: readonly ScoredLabel[], classId: number): number {
  return (served.find(({ class_id }) => class_id === classId) ?? served.at(-1))?.score ?? Number.NaN;
}

function goldenPhoto(folder: string, file: string): Photo {
  return existsSync(join(ROOT, 'samples', file))
    ? samplePhoto(file)
    : { ...samplePhotoAt(join(folder, file)), name: file };
}

function samplePhotoAt(path: string): Photo {
  return { name: path, type: path.endsWith('.png') ? 'image/png' : 'image/jpeg', bytes: readFileSync(path) };
}
