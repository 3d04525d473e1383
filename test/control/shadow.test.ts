import { isDeepStrictEqual } from 'node:util';
import { API_BASE, type RoutingView, type ShadowReport } from '@headgate/contracts/admin/api';
import { HEADER, METRIC } from '@headgate/contracts/names';
import type { Shadow } from '@headgate/contracts/routing';
import { eventually } from '@headgate/testkit/eventually';
import { figure } from '@headgate/testkit/figures';
import { type Client, httpClient } from '@headgate/testkit/http';
import { scrape, total } from '@headgate/testkit/metrics';
import { type Photo, samplePhoto } from '@headgate/testkit/photos';
import { expectPrediction, postPhoto } from '@headgate/testkit/predict';
import { readRouting, withTreatment, writeRouting } from '@headgate/testkit/routing';
import { type OwnedStack, startStack } from '@headgate/testkit/stack';
import { median } from '@headgate/testkit/stats';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { hugeJpegOf } from '../e2e/harness/images.ts';
import { storeIsReady } from './harness/store-ready.ts';

const MODEL = 'efficientnet-lite0';
const SCENES = ['astronaut', 'camera', 'chelsea', 'coffee', 'hubble', 'motorcycle', 'rocket'];
/** Side of a crop as a share of the photo, and where it lies in it. */
const CROPS = [1, 0.8, 0.6].flatMap((share) => [0, 0.5, 1].map((at) => ({ share, at })));

let stack: OwnedStack;
let client: Client;
let control: Client;

beforeAll(async () => {
  stack = await startStack();
  client = httpClient(stack.ready.gateway);
  control = httpClient(new URL(stack.ready.console).origin);
  const { routingFile } = stack;
  writeRouting(routingFile, withTreatment(readRouting(routingFile), MODEL, 0));
  await eventually(async () => {
    const { routing } = await admin<RoutingView>('GET', '/routing');
    return routing.models[MODEL]?.experiment.variants[1]?.weight === 0;
  }, 'the edited table in control');
  await storeIsReady(control, stack.ready.keys.admin);
});

afterAll(async () => {
  await client?.close();
  await control?.close();
  expect(await stack?.stop()).toEqual([]);
});

const metric = async (name: string, labels = {}) => total(await scrape(stack.ready.metrics), name, labels);

async function admin<T>(method: 'GET' | 'PUT', path: string, body?: object): Promise<T> {
  const headers = { [HEADER.apiKey]: stack.ready.keys.admin, 'content-type': 'application/json' };
  const answer = await control.send({
    method,
    path: API_BASE + path,
    headers,
    ...(body && { body: JSON.stringify(body) }),
  });
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  return JSON.parse(answer.text) as T;
}

async function setShadows(shadows: readonly Shadow[]): Promise<void> {
  const { revision, routing } = await admin<RoutingView>('GET', '/routing');
  if (isDeepStrictEqual(routing.models[MODEL]?.shadows ?? [], shadows)) return;
  const generation = await metric(METRIC.routingGeneration);
  await admin('PUT', `/shadow/${MODEL}`, { revision, shadows });
  await eventually(
    async () => (await metric(METRIC.routingGeneration)) > generation,
    'the new table in force',
  );
}

const copiesAreDone = () =>
  eventually(async () => (await metric(METRIC.shadowQueueItems)) === 0, 'the end of the copies');

/** The first label of a photo, and the version that named it. */
async function labelOf(photo: Photo, version?: string) {
  const path = version === undefined ? '/predict' : `/v1/models/${MODEL}/versions/${version}/predict`;
  const key = version === undefined ? stack.ready.keys.bench : stack.ready.keys.admin;
  const answer = expectPrediction(await postPhoto(client, photo, { key, path }));
  return { version: answer.version, label: answer.predictions[0]?.top?.[0]?.label };
}

/** Real photos and parts of them: more images than there are files. */
async function photos(): Promise<Photo[]> {
  const cropped = SCENES.flatMap((scene) => {
    const photo = samplePhoto(`bench/${scene}.jpg`);
    return CROPS.map(async ({ share, at }) => {
      const { width, height } = await sharp(photo.bytes).metadata();
      const [w, h] = [Math.floor(width * share), Math.floor(height * share)];
      const left = Math.floor((width - w) * at);
      const top = Math.floor((height - h) * at);
      const bytes = await sharp(photo.bytes).extract({ left, top, width: w, height: h }).jpeg().toBuffer();
      return { name: `${scene}.jpg`, type: 'image/jpeg', bytes };
    });
  });
  return Promise.all([...cropped, hugeJpegOf(samplePhoto('bench/coffee.jpg'), Math.round(9.9 * 2 ** 20))]);
}

it('compares version 2 with version 1 on copies, as an independent count of both answers does', async () => {
  await setShadows([{ version: '2', sample: 100 }]);
  const sent = await photos();
  const answers: (string | undefined)[] = [];
  const ofShadow = { model: MODEL, version: '2' };
  for (const photo of sent) {
    const { version, label } = await labelOf(photo);
    expect(version).toBe('1');
    answers.push(label);
    // A copy gives way to requests: the next one must not meet it.
    const settled = async () => (await metric(METRIC.shadowImages, ofShadow)) === answers.length;
    await eventually(settled, 'the end of the copy');
  }
  expect(await metric(METRIC.predictions, ofShadow)).toBe(0);
  const report = await eventually(async () => {
    const { shadows } = await admin<ShadowReport>('GET', `/shadow/${MODEL}`);
    const [result] = shadows;
    return result && result.compared + result.dropped + result.failed === sent.length && result;
  }, 'a comparison of each image in the report');

  let same = 0;
  for (const [i, photo] of sent.entries()) if ((await labelOf(photo, '2')).label === answers[i]) same += 1;
  const percent = (share = 0) => `${(100 * share).toFixed(1)} %`;
  const { agreement, noise } = report;
  figure({
    name: 'Shadow: agreement of version 2 (int8) with version 1',
    wanted: `${percent(same / sent.length)}, by an independent count`,
    got: `${percent(agreement?.value)} (${percent(agreement?.low)} to ${percent(agreement?.high)}) of ${agreement?.compared} images`,
    passed: agreement?.value === same / sent.length,
  });
  figure({
    name: 'Shadow: agreement of control with itself',
    wanted: '100 %: its engines are deterministic',
    got: percent(noise?.value),
    passed: noise?.value === 1,
  });
  expect(report).toMatchObject({ dropped: 0, failed: 0, label_order_differs: false });
  expect([agreement?.value, noise?.value]).toEqual([same / sent.length, 1]);
  expect(await metric(METRIC.shadowImages, { ...ofShadow, outcome: 'agreed' })).toBe(same);
});

it('shows what shadows cost the clients of a machine that both versions share', async () => {
  const photo = samplePhoto('bench/chelsea.jpg');
  const times = new Map<number, number[]>([0, 5, 100].map((sample) => [sample, []]));
  // Short turns: what else the machine does meets all of them.
  for (let turn = 0; turn < 3; turn += 1) {
    for (const [sample, taken] of times) {
      await setShadows(sample === 0 ? [] : [{ version: '2', sample }]);
      for (let i = 0; i < 40; i += 1) {
        const startMs = performance.now();
        await labelOf(photo);
        taken.push(performance.now() - startMs);
      }
      await copiesAreDone();
    }
  }
  const medians = [...times.values()].map(median);
  const [without = Number.NaN, few = Number.NaN, all = Number.NaN] = medians;
  figure({
    name: 'Shadow: median latency of a lone client, as a multiple of that without copies',
    wanted: 'reported, not bounded: both versions share the cores',
    got: `5 % copied: ${(few / without).toFixed(2)}, all copied: ${(all / without).toFixed(2)} (120 requests each)`,
    passed: true,
  });
  expect(medians.every(Number.isFinite)).toBe(true);
});
