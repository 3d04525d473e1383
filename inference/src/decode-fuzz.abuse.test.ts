import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seededBelow } from '@headgate/testkit/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mutate } from './testing/fuzz/mutate.ts';
import { imageRequest, type RunningInference, reasonOf, runInference } from './testing/running-inference.ts';
import { COLOURS } from './testing/tensor-models.ts';

const CORPUS = fileURLToPath(new URL('./engine/child/image/corpus/', import.meta.url));
const FULL = process.env.E2E_FULL !== undefined;
/** Damaged files that are sent: always the same, or (in test:full) as many as go into a time. */
const COUNT = FULL ? 40_000 : 300;
const WITHIN_MS = FULL ? 240_000 : Number.POSITIVE_INFINITY;
/** Anew each night, the same while somebody waits: a failure must be there again in the next run. */
const SEED = FULL ? Date.now() % 1_000_000 : 1;
/** A decode that hangs is noticed after this time; on a busy machine, a picture of the largest size takes seconds. */
const DEADLINE_MS = 60_000;
const TEST_MS = 300_000 + DEADLINE_MS;
const IN_FLIGHT = 4;
const MODELS = ['digits', 'colours'] as const;
const OUTCOMES = ['ok', 'undecodable_image', 'unsupported_media_type', 'image_too_large', 'invalid_tensor'];

/** Kept files that are refused; all others are pictures. */
const REFUSED: Readonly<Record<string, string>> = {
  'twelve-bits.jpg': 'undecodable_image',
  'lossless.jpg': 'undecodable_image',
  'no-height.jpg': 'undecodable_image',
  'many-scans.jpg': 'undecodable_image',
  'odd-scan-and-cut-off.jpg': 'undecodable_image',
  'scan-header-of-nothing.jpg': 'undecodable_image',
  'promises-36-megapixels.jpg': 'undecodable_image',
  'promises-36-megapixels-progressive.jpg': 'undecodable_image',
  'promises-36-megapixels.png': 'undecodable_image',
  'thousand-megapixels.jpg': 'image_too_large',
  'hundred-gigapixels.png': 'image_too_large',
};

const files = readdirSync(CORPUS)
  .filter((name) => /\.(jpg|png|webp)$/.test(name))
  .map((name) => ({ name, bytes: readFileSync(join(CORPUS, name)) }));

let running: RunningInference;

beforeAll(async () => {
  running = await runInference(['1'], {}, ({ addTensorModel }) => addTensorModel('colours', COLOURS));
  await running.started();
}, 60_000);
afterAll(() => running.stop());

/** The reason of the refusal, or `ok`; anything else means that the engine ended, hung, or found wrong pixels. */
function outcomeOf(model: (typeof MODELS)[number], image: Buffer): Promise<string> {
  const request = { ...imageRequest([image]), model_name: model };
  const input = model === 'colours' ? 'pixels' : 'image';
  const inputs = [{ name: input, datatype: 'BYTES', shape: [1] }];
  return reasonOf(running.infer({ ...request, inputs }, { deadline: Date.now() + DEADLINE_MS }));
}

/** How often engines had to be started again. */
async function restarts(): Promise<number> {
  const { text } = await running.get('/metrics');
  const counts = text.matchAll(/^headgate_engine_restarts_total\{[^}]*\} (\d+)/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Resident memory of all engines, in bytes. */
function memory(): Promise<number> {
  return new Promise((resolve, reject) => {
    running.client.modelStatistics({}, (error, answer) => {
      if (!answer) reject(error);
      else resolve(answer.model_stats.reduce((sum, one) => sum + (one.memory_usage[0]?.byte_size ?? 0), 0));
    });
  });
}

describe('the kept files', () => {
  it('are small', () => {
    expect(files.length).toBeGreaterThan(25);
    for (const { name, bytes } of files) expect(bytes.length, name).toBeLessThan(20_000);
  });

  it.each(files)('$name', async ({ name, bytes }) => {
    const expected = REFUSED[name] ?? 'ok';
    for (const model of MODELS) expect(await outcomeOf(model, bytes)).toBe(expected);
  });
});

describe('images that are damaged', () => {
  it(
    `get an answer or a clear refusal, and hurt nobody (seed ${SEED})`,
    async () => {
      const startedMs = performance.now();
      const before = await restarts();
      const outcomes = new Map<string, number>();
      let index = 0;
      const caller = async () => {
        while (index < COUNT && performance.now() - startedMs < WITHIN_MS) {
          const number = SEED + index;
          index += 1;
          const random = seededBelow(number);
          const { name, bytes } = files[random(files.length)] as (typeof files)[number];
          const damaged = mutate(bytes, random);
          for (const model of MODELS) {
            const outcome = await outcomeOf(model, damaged);
            outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
            if (!OUTCOMES.includes(outcome)) keep(name, number, damaged, `${model}: ${outcome}`);
          }
        }
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
      console.log(
        `${index} damaged images: ${[...outcomes].map(([name, count]) => `${count} ${name}`).join(', ')}`,
      );
      expect(await restarts()).toBe(before);
      // Pixels of a few pictures of the largest accepted size, for each of two engines.
      expect(await memory()).toBeLessThan(1_500_000_000);
      const seven = files.find(({ name }) => name === 'plain.png')?.bytes as Buffer;
      for (const model of MODELS) expect(await outcomeOf(model, seven)).toBe('ok');
      // Enough got through to the pixels, and enough did not.
      expect(outcomes.get('ok')).toBeGreaterThan(index / 10);
      expect(outcomes.get('undecodable_image')).toBeGreaterThan(index / 10);
    },
    TEST_MS,
  );
});

/** Keeps what brought the engine down, so that it can become one of the corpus. @throws Error with its place */
function keep(name: string, number: number, bytes: Buffer, outcome: string): never {
  const dir = join(tmpdir(), 'headgate-fuzz');
  mkdirSync(dir, { recursive: true });
  const path = join(dir, `${number}-${name}`);
  writeFileSync(path, bytes);
  throw new Error(`${outcome} for ${path}, made of ${name} with seed ${number}`);
}
