import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { portOf } from '@headgate/contracts/names';
import { type Client, httpClient } from '@headgate/testkit/http';
import { openLoad, type Sample } from '@headgate/testkit/load';
import { type RunningPart, startPart } from '@headgate/testkit/part';
import { type Photo, samplePhoto } from '@headgate/testkit/photos';
import { postPhoto, postPhotos } from '@headgate/testkit/predict';
import { median, percentile } from '@headgate/testkit/stats';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEYS, keyRecords } from '../../gateway/src/testing/app-fixture.ts';

const FULL = process.env.E2E_FULL === '1';
const ROUNDS = FULL ? 5 : 2;
const CALM_MS = FULL ? 6000 : 3000;
/** Between two requests of others. */
const GAP_MS = 100;

/** Others, and an attacker with two keys; none of them has a quota, so that the share alone protects. */
const [OTHERS, ...ATTACKERS] = [KEYS.bench, KEYS.tester, KEYS.admin];

/** One version, so that its engines alone are what is shared. */
const ROUTING = {
  schema: 1,
  default_model: 'efficientnet-lite0',
  models: {
    'efficientnet-lite0': {
      versions: ['1'],
      experiment: {
        name: 'one',
        salt: 'one-1',
        variants: [{ name: 'v1', version: '1', weight: 100 }],
      },
    },
  },
};

let dir: string;
let inference: RunningPart;
let gateway: RunningPart;
let others: Client;
let attacker: Client;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'headgate-decode-'));
  const routing = join(dir, 'routing.yaml');
  writeFileSync(routing, JSON.stringify(ROUTING));
  const keysFile = join(dir, 'keys.yaml');
  writeFileSync(keysFile, JSON.stringify({ keys: await keyRecords() }));
  const env = { HEADGATE_ROUTING_FILE: routing, HEADGATE_ENV: 'dev' };
  inference = await startPart('inference', {
    readyPage: '/readyz',
    logFile: join(dir, 'inference.log'),
    env,
  });
  gateway = await startPart('gateway', {
    readyPage: '/readyz',
    logFile: join(dir, 'gateway.log'),
    env: {
      ...env,
      HEADGATE_GATEWAY__UPSTREAM__TARGET: `127.0.0.1:${portOf(inference.portBase, 'inferenceGrpc')}`,
      HEADGATE_GATEWAY__KEYS_FILE: keysFile,
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
  if (process.env.KEEP) console.log(dir);
  else rmSync(dir, { recursive: true, force: true });
});

const flat = (width: number, height: number, channels: 3 | 4 = 3) =>
  sharp({
    create: { width, height, channels, background: { r: 40, g: 80, b: 120, alpha: 0.5 } },
    limitInputPixels: false,
  });

const photo = (type: string, bytes: Buffer): Photo => ({ name: 'image', type, bytes });

async function attackBy(key: string, image: Photo, requests: number): Promise<string[]> {
  const answers = await Promise.all(
    Array.from({ length: requests }, () => postPhotos(attacker, Array(16).fill(image), { key })),
  );
  return answers.flatMap(({ status, text }) => {
    const body = JSON.parse(text);
    return (
      body.predictions?.map((p: { error?: { reason: string } }) => p.error?.reason ?? 'ok') ?? [
        `${status} ${body.reason}`,
      ]
    );
  });
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

async function ordinary(): Promise<number> {
  const answer = await postPhoto(others, samplePhoto('rocket.jpg'), { key: OTHERS as string });
  return answer.status;
}

const timesOf = (samples: readonly Sample<number>[]) => samples.map(({ startMs, endMs }) => endMs - startMs);

async function round(image: Photo, requests: number) {
  const calm = openLoad(GAP_MS, ordinary);
  await new Promise((resolve) => setTimeout(resolve, CALM_MS));
  const before = await calm.stop();
  const load = openLoad(GAP_MS, ordinary);
  const startedMs = performance.now();
  const outcomes = (await Promise.all(ATTACKERS.map((key) => attackBy(key, image, requests)))).flat();
  const attackMs = performance.now() - startedMs;
  const during = await load.stop();
  const failed = [...before, ...during]
    .filter(({ result }) => result !== 200)
    .map(({ result }) => String(result));
  return { before: timesOf(before), during: timesOf(during), failed, outcomes, attackMs };
}

const KINDS: [string, () => Promise<Photo>][] = [
  [
    'interlaced',
    async () => photo('image/png', await flat(7700, 5150).png({ progressive: true }).toBuffer()),
  ],
  ['flat', async () => photo('image/png', await flat(7700, 5150).png().toBuffer())],
];

describe('A caller of expensive images', () => {
  it.each(KINDS)('takes nothing from others: %s', async (name, make) => {
    const image = await make();
    const rounds = [];
    for (let i = 0; i < ROUNDS; i += 1) rounds.push(await round(image, 5));
    const ratio = median(rounds.map(({ before, during }) => percentile(during, 99) / percentile(before, 99)));
    console.log(
      name,
      image.bytes.length,
      ratio.toFixed(2),
      rounds.map(({ before, during, attackMs, failed, outcomes }) => ({
        before: percentile(before, 99).toFixed(0),
        during: percentile(during, 99).toFixed(0),
        max: Math.max(...during).toFixed(0),
        n: during.length,
        attackMs: attackMs.toFixed(0),
        failed: tally(failed),
        outcomes: tally(outcomes),
      })),
    );
    expect(rounds.flatMap(({ failed }) => failed)).toEqual([]);
  });
});
