import { writeFileSync } from 'node:fs';
import { METRIC } from '@headgate/contracts/names';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { httpsClient } from '@headgate/testkit/http';
import { closedLoad, sendAll } from '@headgate/testkit/load';
import { scrape, total } from '@headgate/testkit/metrics';
import type { Photo } from '@headgate/testkit/photos';
import { expectPrediction, postPhoto } from '@headgate/testkit/predict';
import {
  readRouting,
  SMALL_MODEL,
  SMALL_VARIANTS,
  withTreatment,
  writeRouting,
} from '@headgate/testkit/routing';
import { binomialInterval } from '@headgate/testkit/stats';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { plainPhoto } from './harness/images.ts';

const { ready, routingFile } = inject('stack');
const client = httpsClient(ready);
const seed = readRouting(routingFile);
let photo: Photo;

/** `npm run test:full` asks as often as the specification says; `npm test` a twentieth of it. */
const ASKS_PER_UNIT = process.env.E2E_FULL ? 100 : 5;
const UNITS = Array.from({ length: 200 }, (_, index) => `device-${index}`);

beforeAll(async () => {
  photo = await plainPhoto('png');
});

afterAll(() => client.close());

const metric = async (name: string, labels = {}) => total(await scrape(ready.metrics), name, labels);

async function variantOf(unit: string, path?: string): Promise<string | null> {
  const answer = await postPhoto(client, photo, { key: ready.keys.bench, unit, ...(path ? { path } : {}) });
  return expectPrediction(answer).variant;
}

const smallVariantOf = (unit: string) => variantOf(unit, `/v1/models/${SMALL_MODEL}/predict`);

/** Variants of all units on the small model, in the order of UNITS. */
const smallVariants = () => sendAll(16, UNITS.length, (index) => smallVariantOf(UNITS[index] as string));

async function setTreatment(percent: number): Promise<void> {
  const generation = await metric(METRIC.routingGeneration);
  writeRouting(routingFile, withTreatment(seed, SMALL_MODEL, percent));
  await eventually(async () => (await metric(METRIC.routingGeneration)) > generation, {
    what: 'the new routing table in force',
    withinMs: 10_000,
  });
}

async function restoreRouting(): Promise<void> {
  writeRouting(routingFile, seed);
  await eventually(
    async () => {
      const series = await scrape(ready.metrics);
      const treatment = { model: SMALL_MODEL, variant: SMALL_VARIANTS.treatment };
      return (
        total(series, METRIC.routingStale) === 0 && total(series, METRIC.routingWeight, treatment) === 10
      );
    },
    { what: 'the seeded routing table in force', withinMs: 10_000 },
  );
}

describe('A 90/10 experiment, seen through HTTPS', () => {
  it('gives a tenth of 2,000 units the treatment, within the binomial 99.9 % interval', async () => {
    const variants = await sendAll(16, 2000, (index) => variantOf(`user-${index}`));
    const treated = variants.filter((variant) => variant === 'int8').length;
    console.log(`2,000 units: ${treated} got int8`);
    expect(new Set(variants)).toEqual(new Set(['fp32', 'int8']));
    expectWithin(treated, binomialInterval(2000, 0.1, 0.999));
  });

  it(`gives a unit the same variant each of ${ASKS_PER_UNIT} times, and the split stays`, async () => {
    const rounds: (string | null)[][] = [];
    for (let round = 0; round < ASKS_PER_UNIT; round += 1) rounds.push(await smallVariants());
    const [first = [], ...others] = rounds;
    for (const other of others) expect(other).toEqual(first);
    const treated = first.filter((variant) => variant === SMALL_VARIANTS.treatment).length;
    expectWithin(treated, binomialInterval(UNITS.length, 0.1, 0.999));
  }, 600_000);
});

describe('Editing the routing file while it runs', () => {
  afterEach(restoreRouting);

  it('moves nobody from treatment to control when a weight is raised from 10 to 30', async () => {
    const before = await smallVariants();
    await setTreatment(30);
    const after = await smallVariants();
    const treated = (variants: typeof before) =>
      UNITS.filter((_, index) => variants[index] === SMALL_VARIANTS.treatment);
    expect(treated(after)).toEqual(expect.arrayContaining(treated(before)));
    expect(treated(after).length).toBeGreaterThan(treated(before).length);
  });

  it('changes the split without a failed request', async () => {
    const unit = UNITS[(await smallVariants()).indexOf(SMALL_VARIANTS.control)] as string;
    const load = closedLoad(4, (index) =>
      postPhoto(client, photo, { key: ready.keys.bench, unit: `visitor-${index}` }),
    );
    for (const percent of [100, 0, 100]) {
      const expected = percent === 100 ? SMALL_VARIANTS.treatment : SMALL_VARIANTS.control;
      const startMs = performance.now();
      writeRouting(routingFile, withTreatment(seed, SMALL_MODEL, percent));
      await eventually(async () => (await smallVariantOf(unit)) === expected, {
        what: `the split ${100 - percent}/${percent}`,
        withinMs: 10_000,
        everyMs: 5,
      });
      console.log(`a saved routing file was in force after ${secondsSince(startMs)}`);
    }
    const samples = await load.stop();
    expect(samples.length).toBeGreaterThan(0);
    expect(samples.filter(({ result }) => result.status !== 200)).toEqual([]);
  });

  it.each([
    ['is not YAML', () => 'schema: 1\nmodels: [unclosed'],
    ['has weights that sum to 99', () => JSON.stringify(seed).replace('"weight":90', '"weight":89')],
    [
      'names a version that is not served',
      () => JSON.stringify(seed).replaceAll('"version":"2"', '"version":"3"'),
    ],
  ])('changes nothing when the file %s, and says so in a metric', async (_, broken) => {
    const before = await smallVariants();
    const refused = () => metric(METRIC.routingReloads, { outcome: 'refused' });
    const generation = await metric(METRIC.routingGeneration);
    const refusedBefore = await refused();
    writeFileSync(routingFile, broken());
    await eventually(async () => (await metric(METRIC.routingStale)) === 1, {
      what: `${METRIC.routingStale} = 1`,
      withinMs: 10_000,
    });
    expect(await refused()).toBeGreaterThan(refusedBefore);
    expect(await metric(METRIC.routingGeneration)).toBe(generation);
    expect(await smallVariants()).toEqual(before);
  });
});

function expectWithin(count: number, [low, high]: [number, number]): void {
  expect(count).toBeGreaterThanOrEqual(low);
  expect(count).toBeLessThanOrEqual(high);
}
