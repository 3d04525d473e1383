import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { inferenceSchema } from '@headgate/contracts/config/inference';
import { MAX_IMAGE_SIDE } from '@headgate/contracts/limits';
import type { Manifest } from '@headgate/contracts/manifest';
import { SKETCH_VERSION, type Sketch, sketchOfRow } from '@headgate/contracts/sketch';
import { createLogger } from '@headgate/runtime/logger';
import { readRegularFile } from '@headgate/runtime/read-file';
import { z } from 'zod';
import { type EngineProcess, startEngine } from './engine/parent/process.ts';
import type { Classes, LoadReport } from './engine/protocol.ts';
import { exitOf } from './exit.ts';
import { LoadError } from './load-error.ts';
import { readLabels, readManifest } from './models/manifest.ts';
import { TRUST_ALL } from './models/trust.ts';

/**
 * Runs images through a version as it would be served: the same engine process, decoder, resizing and session. The
 * pipelines judge a candidate with it before it has a number (docs/training.md).
 *
 * `node probe.js --version-dir DIR [--samples-dir DIR]` reads lines `{"id","path"}`, and writes first what it loaded, then
 * one line for each image, in the same order. With `--load-only` it reads none: it loads the version, of either kind, with
 * its batches and ends. Exit code 0 after the last line, 2 when the version cannot be served.
 */

interface Asked {
  readonly directory: string;
  readonly samplesDir: string | undefined;
  readonly loadOnly: boolean;
}

const { limits, engine: engineDefaults } = inferenceSchema.parse({});
/** Largest encoded image, as a message limits it in serving. */
const MAX_IMAGE_BYTES = limits.message_bytes;

const questionSchema = z.strictObject({ id: z.string(), path: z.string().min(1) });

interface Measured {
  readonly class_ids: readonly number[];
  readonly scores: readonly number[];
  /** Decode and run of this image alone, in ms. */
  readonly latency_ms: number;
  readonly sketch: Sketch;
}

/**
 * The manifest with which images are measured: all classes, since calibration needs every score, and one image at a
 * time, since its latency is measured.
 */
function forImages(manifest: Manifest, labels: readonly string[]): Manifest {
  const { name, image, batching } = manifest;
  if (!image) throw new LoadError(`${name} takes tensors; only image classifiers can be probed`);
  return {
    ...manifest,
    image: { ...image, top_k: labels.length },
    batching: { ...batching, max_batch_size: 1 },
  };
}

/** @throws LoadError when the version cannot be served, or shall classify images and takes none */
async function load({ directory, samplesDir, loadOnly }: Asked): Promise<EngineProcess> {
  const { manifest } = await readManifest(directory, undefined, TRUST_ALL);
  const labels = await readLabels(directory, manifest);
  const options = {
    entry: new URL(
      import.meta.url.endsWith('.ts') ? './engine/child/main.ts' : './engine-child.js',
      import.meta.url,
    ),
    env: process.env,
    log: createLogger({ service: 'probe', level: 'silent' }),
    startTimeoutMs: engineDefaults.start_timeout_ms,
    runTimeoutMs: engineDefaults.run_timeout_ms,
    memoryLimitBytes: 0,
    spec: {
      directory,
      sampleDirs: [directory, ...(samplesDir ? [samplesDir] : [])],
      manifest: loadOnly ? manifest : forImages(manifest, labels),
      provider: 'cpu',
      deviceId: 0,
      tf32: false,
      intraOpThreads: 1,
      decodeThreads: 1,
      maxPixels: limits.image_pixels,
      maxSide: MAX_IMAGE_SIDE,
      nice: 0,
    },
  } as const;
  return startEngine(options, new AbortController().signal);
}

/** @returns what the engine answers, or why it refuses the image; never when the engine ends meanwhile */
function measure(engine: EngineProcess, id: number, payload: Uint8Array): Promise<Measured | Error> {
  return new Promise((resolve) => {
    let decodedMs = 0;
    engine.listen({
      decoded(_, decodeMs) {
        decodedMs = decodeMs;
        engine.run([id]);
      },
      failed: (_, error) => resolve(error),
      discarded() {},
      ran([row], runMs) {
        if (row && 'classIds' in row) resolve(measuredOf(row, decodedMs + runMs));
        else
          resolve(new Error(row && 'failure' in row ? row.failure : 'the engine answered without classes'));
      },
      runFailed: resolve,
    });
    engine.prepare(id, { payload, sketch: true });
  });
}

function measuredOf({ classIds, scores, sketch }: Classes, latency_ms: number): Measured {
  const { buffer, byteOffset, byteLength } = sketch ?? new Float32Array();
  const row = new Uint8Array(buffer, byteOffset, byteLength);
  return {
    class_ids: [...classIds],
    scores: [...scores],
    latency_ms,
    sketch: sketchOfRow(row, SKETCH_VERSION),
  };
}

async function answer(engine: EngineProcess, number: number, path: string) {
  const bytes = await readRegularFile(path, { maxBytes: MAX_IMAGE_BYTES }).catch((error: Error) => error);
  const result = bytes instanceof Error ? bytes : await measure(engine, number, bytes);
  return result instanceof Error ? { error: result.message } : result;
}

function loadedLine({ loadMs, golden }: LoadReport) {
  const { compared, skipped, largestDifference } = golden;
  return { loaded: { load_ms: loadMs, compared, skipped, largest_difference: largestDifference } };
}

const write = (line: object) =>
  new Promise<void>((resolve) => process.stdout.write(`${JSON.stringify(line)}\n`, () => resolve()));

async function answerLines(engine: EngineProcess): Promise<void> {
  let number = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, path } = questionSchema.parse(JSON.parse(line));
    number += 1;
    await write({ id, ...(await answer(engine, number, path)) });
  }
}

async function main(): Promise<void> {
  const options = {
    'version-dir': { type: 'string' },
    'samples-dir': { type: 'string' },
    'load-only': { type: 'boolean', default: false },
  } as const;
  const { values } = parseArgs({ options });
  const directory = values['version-dir'];
  if (!directory) throw new LoadError('--version-dir is missing; name the folder that has the manifest');
  const loadOnly = values['load-only'];
  const engine = await load({ directory: resolve(directory), samplesDir: values['samples-dir'], loadOnly });
  await write(loadedLine(engine.report));
  const ended = engine.ended.then((reason) => Promise.reject(new Error(`the engine ended: ${reason}`)));
  if (!loadOnly) await Promise.race([answerLines(engine), ended]);
  process.exit(0);
}

main().catch((error: unknown) => {
  const { code, text } = exitOf(error);
  process.stderr.write(`${text}\n`, () => process.exit(code));
});
