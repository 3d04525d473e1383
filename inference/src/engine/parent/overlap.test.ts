import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { manifestSchema } from '@headgate/contracts/manifest';
import { systemClock } from '@headgate/runtime/clock';
import { createLogger } from '@headgate/runtime/logger';
import { expect, it } from 'vitest';
import { Dispatcher } from '../../dispatch.ts';
import { waves } from '../../testing/images.ts';
import { policiesFor } from '../../testing/policies.ts';
import { type EngineSpan, startEngine } from './process.ts';

const CALLERS = 32;
const folder = fileURLToPath(new URL('../../testing/models/', import.meta.url));
const file = readFileSync(`${folder}slow-image.onnx`);

/** An image model whose runs take a hundred times as long as a decode of the small pictures here, however busy the machine. */
const manifest = manifestSchema.parse({
  schema: 1,
  name: 'slow-image',
  version: '1',
  kind: 'image-classifier',
  licence: 'Apache-2.0',
  file: {
    path: 'slow-image.onnx',
    sha256: createHash('sha256').update(file).digest('hex'),
    bytes: file.byteLength,
  },
  inputs: [{ name: 'image', datatype: 'UINT8', shape: [-1, 32, 32, 3] }],
  outputs: [{ name: 'scores', datatype: 'FP32', shape: [-1, 4] }],
  image: {
    input: 'image',
    output: 'scores',
    activation: 'softmax',
    preprocessing: { version: 1, width: 32, height: 32, channels: 3, crop_fraction: 1, resample: 'cubic' },
    labels: 'labels.json',
    top_k: 1,
  },
  batching: { max_batch_size: 8 },
  golden: { tolerance: 0.1, samples: [] },
  provenance: { source: 'test', converter: 'inference/src/testing/models/make.py' },
});

/** What an engine did while callers asked again and again. */
async function load(maxBatchSize: number, callers: number, rounds: number) {
  const spans: EngineSpan[] = [];
  const options = {
    entry: new URL('../child/main.ts', import.meta.url),
    env: process.env,
    log: createLogger({ service: 'test', level: 'silent' }),
    startTimeoutMs: 60_000,
    runTimeoutMs: 60_000,
    memoryLimitBytes: 0,
    onSpan: (span: EngineSpan) => void spans.push(span),
    spec: {
      directory: folder,
      sampleDirs: [],
      manifest,
      provider: 'cpu' as const,
      deviceId: 0,
      tf32: true,
      intraOpThreads: 1,
      decodeThreads: 1,
      maxPixels: 1_000_000,
      maxSide: 32_768,
      nice: 0,
    },
  };
  const engine = await startEngine(options, new AbortController().signal);
  const sizes: number[] = [];
  const dispatcher = new Dispatcher({
    ...policiesFor({ max_batch_size: maxBatchSize }),
    clock: systemClock,
    observer: {
      batchStarted: ({ members }) => {
        sizes.push(members.length);
        return () => {};
      },
    },
  });
  dispatcher.attach(engine);
  const photo = await waves(64, 48).jpeg().toBuffer();
  const work = () => ({
    payload: photo,
    level: 1,
    deadlineAtMs: systemClock.monotonicMs() + 60_000,
    queueTimeoutMs: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    span: undefined,
  });
  const caller = async () => {
    for (let round = 0; round < rounds; round += 1) await dispatcher.submit(work());
  };
  await Promise.all(Array.from({ length: callers }, caller));
  engine.kill();
  return { spans, meanBatchSize: sizes.reduce((a, b) => a + b, 0) / sizes.length };
}

/** Decodes that ended while a run went on. */
function decodedDuringRuns(spans: readonly EngineSpan[]): number {
  const runs = spans.filter(({ stage }) => stage === 'run');
  const isDuring = (atMs: number) =>
    runs.some(({ endedAtMs, tookMs }) => atMs > endedAtMs - tookMs && atMs < endedAtMs);
  return spans.filter(({ stage, endedAtMs }) => stage === 'decode' && isDuring(endedAtMs)).length;
}

it('decodes the next batch while one runs, and joins what waits', async () => {
  const { spans, meanBatchSize } = await load(8, CALLERS, 2);
  expect(spans.filter(({ stage }) => stage === 'decode')).toHaveLength(CALLERS * 2);
  expect(meanBatchSize).toBeGreaterThan(2);
  // Of 64; none where decodes waited for the run to end. Most, on a machine with nothing else to do.
  expect(decodedDuringRuns(spans)).toBeGreaterThan(CALLERS / 2);
});

it('would be caught by that test if it released one item at a time', async () => {
  expect((await load(1, 8, 1)).meanBatchSize).toBe(1);
});
