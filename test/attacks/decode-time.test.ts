import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { credentials, type ServiceError } from '@grpc/grpc-js';
import { HEADER, portOf } from '@headgate/contracts/names';
import { encodeBytesTensor } from '@headgate/contracts/tensor';
import { loadInference } from '@headgate/runtime/proto';
import { type Client, httpClient } from '@headgate/testkit/http';
import { openLoad, type Sample } from '@headgate/testkit/load';
import { type RunningPart, startPart } from '@headgate/testkit/part';
import { type Photo, samplePhoto } from '@headgate/testkit/photos';
import { type PredictBody, postPhoto, postPhotos } from '@headgate/testkit/predict';
import { descendantsOf } from '@headgate/testkit/processes';
import { median, percentile } from '@headgate/testkit/stats';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEYS, keyRecords } from '../../gateway/src/testing/app-fixture.ts';

const FULL = process.env.E2E_FULL === '1';
const ROUNDS = FULL ? 7 : 2;
const ROUND_MS = FULL ? 6000 : 3000;
/** Between two requests of others. */
const GAP_MS = 100;
const IMAGES = 16;
const MODEL = 'efficientnet-lite0';

/** None of these keys has a quota, so that the shares alone protect. The last two are an attacker's. */
const [OTHERS, ...ATTACKERS] = [KEYS.bench, KEYS.tester, KEYS.admin] as const;

let dir: string;
let inference: RunningPart;
let gateway: RunningPart;
let others: Client;
let attacker: Client;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'headgate-decode-'));
  const file = (name: string, content: object) => {
    writeFileSync(join(dir, name), JSON.stringify(content));
    return join(dir, name);
  };
  // One version, so that its engines alone are what is shared.
  const variants = [{ name: 'v1', version: '1', weight: 100 }];
  const models = { [MODEL]: { versions: ['1'], experiment: { name: 'one', salt: 'one-1', variants } } };
  const routing = file('routing.yaml', { schema: 1, default_model: MODEL, models });
  const env = { HEADGATE_ENV: 'dev', HEADGATE_ROUTING_FILE: routing };
  const log = { logFile: join(dir, 'log') };
  inference = await startPart('inference', { ...log, readyPage: '/readyz', env });
  gateway = await startPart('gateway', {
    ...log,
    readyPage: '/readyz',
    env: {
      ...env,
      HEADGATE_GATEWAY__UPSTREAM__TARGET: `127.0.0.1:${portOf(inference.portBase, 'inferenceGrpc')}`,
      HEADGATE_GATEWAY__KEYS_FILE: file('keys.yaml', { keys: await keyRecords() }),
      HEADGATE_RECORDS__SINK: 'none',
      HEADGATE_AUDIT__SINK: 'none',
    },
  });
  const origin = `http://127.0.0.1:${portOf(gateway.portBase, 'gateway')}`;
  others = httpClient(origin);
  attacker = httpClient(origin, { localAddress: '127.0.0.7' });
});

afterAll(async () => {
  await Promise.all([others?.close(), attacker?.close()]);
  await gateway?.stop();
  await inference?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** One colour, so that megapixels are kilobytes. */
function flat(width: number, height: number): Sharp {
  return sharp({ create: { width, height, channels: 3, background: '#285078' }, limitInputPixels: false });
}

const png = async (image: Sharp, interlaced = false): Promise<Photo> => ({
  name: 'costly.png',
  type: 'image/png',
  bytes: await image.png({ progressive: interlaced, palette: true, colours: 2, effort: 1 }).toBuffer(),
});

const jpeg = async (image: Sharp, progressive = false): Promise<Photo> => ({
  name: 'costly.jpg',
  type: 'image/jpeg',
  bytes: await image.jpeg({ progressive, quality: 20 }).toBuffer(),
});

/** Reason of each image, or of the whole request. */
async function attackBy(key: string, image: Photo): Promise<string[]> {
  const headers = { [HEADER.timeoutMs]: String(ROUND_MS) };
  const answer = await postPhotos(attacker, Array(IMAGES).fill(image), { key, headers });
  const { predictions, reason } = JSON.parse(answer.text) as Partial<PredictBody> & { reason?: string };
  return predictions?.map(({ error }) => error?.reason ?? 'ok') ?? [reason ?? String(answer.status)];
}

/** An ordinary photo of somebody else, again and again. @returns what was not answered with 200, and the times */
async function watch(during: () => Promise<unknown>) {
  const load = openLoad(GAP_MS, () => postPhoto(others, samplePhoto('rocket.jpg'), { key: OTHERS }));
  await during();
  const samples = await load.stop();
  const failed = samples.filter(({ result }) => result.status !== 200);
  return { failed: failed.map(({ result }) => result.text), tookMs: samples.map(tookMs) };
}

const tookMs = ({ startMs, endMs }: Sample<unknown>) => endMs - startMs;

/** Largest memory that an engine ever had, in MiB. */
function peakMiB(): number {
  const peaks = descendantsOf(inference.pid).map(({ pid }) => {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  });
  return Math.max(...peaks);
}

/** Ten requests at once, five of each key; then once more and again until the round is over. */
async function attackRound(image: Photo): Promise<Record<string, number>> {
  const endMs = performance.now() + ROUND_MS;
  const counts: Record<string, number> = {};
  const callers = Array.from({ length: 10 }, async (_, i) => {
    do {
      for (const reason of await attackBy(ATTACKERS[i % 2] as string, image)) {
        counts[reason] = (counts[reason] ?? 0) + 1;
      }
    } while (performance.now() < endMs);
  });
  await Promise.all(callers);
  return counts;
}

const SHORT: readonly [string, () => Promise<Photo>][] = [
  ['interlaced PNGs of the largest size that is accepted', () => png(flat(6400, 5000), true)],
  ['hundreds of small CMYK JPEGs', () => jpeg(flat(300, 200).toColourspace('cmyk'))],
];
const LONG: typeof SHORT = [
  ['plain PNGs of 40 megapixels', () => png(flat(7700, 5150))],
  ['progressive JPEGs of 40 megapixels', () => jpeg(flat(7700, 5150), true)],
  [
    'lossless WebPs of 40 megapixels',
    async () => ({
      name: 'costly.webp',
      type: 'image/webp',
      bytes: await flat(7700, 5150).webp({ lossless: true, effort: 0 }).toBuffer(),
    }),
  ],
];

describe('Images that are costly to decode', () => {
  it.each(FULL ? [...SHORT, ...LONG] : SHORT)(
    'take nothing from other callers: %s',
    async (name, make) => {
      const image = await make();
      const ratios: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const before = await watch(() => pause(ROUND_MS));
        let outcomes: Record<string, number> = {};
        const during = await watch(async () => {
          outcomes = await attackRound(image);
        });
        expect([...before.failed, ...during.failed]).toEqual([]);
        expect(Object.keys(outcomes)).not.toContain('internal');
        const count = Math.min(before.tookMs.length, during.tookMs.length);
        const p99Ms = (tookMs: readonly number[]) => percentile(tookMs.slice(0, count), 99);
        ratios.push(p99Ms(during.tookMs) / p99Ms(before.tookMs));
        console.log(`${name}: attacker`, outcomes);
      }
      const peak = peakMiB();
      const each = ratios.map((ratio) => ratio.toFixed(1)).join(', ');
      console.log(
        `${name}: p99 of others during / before ${median(ratios).toFixed(1)} (${each}), engine ${peak.toFixed(0)} MiB`,
      );
      expect(peak).toBeLessThan(1024);
    },
    FULL ? 400_000 : 120_000,
  );

  it('are refused beyond the bound, with advice, over HTTP and over gRPC', async () => {
    const image = await png(flat(7700, 5150), true);
    const answer = await postPhoto(attacker, image, { key: KEYS.client });
    expect(answer.status).toBe(422);
    expect(answer.text).toContain('without interlacing');
    const error = await inferError(image.bytes);
    expect(error.details).toContain('without interlacing');
  });
});

/** How inference refuses eight such images in one call. */
function inferError(image: Uint8Array): Promise<ServiceError> {
  const address = `127.0.0.1:${portOf(inference.portBase, 'inferenceGrpc')}`;
  const client = new (loadInference().GRPCInferenceService)(address, credentials.createInsecure());
  const request = {
    model_name: MODEL,
    inputs: [{ name: 'image', datatype: 'BYTES', shape: [8] }],
    raw_input_contents: [encodeBytesTensor(Array(8).fill(image))],
  };
  return new Promise((resolve, reject) => {
    client.modelInfer(request, (error, response) => {
      client.close();
      if (error) resolve(error);
      else reject(new Error(`answered ${JSON.stringify(response)}`));
    });
  });
}
