import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  imageRequest,
  type RunningInference,
  reasonOf,
  runInference,
  SEVEN,
} from './testing/running-inference.ts';

/** What is kept of a deadline for the way back, in ms: even on a busy machine, an answer is back by then. */
const RESERVE_MS = 15_000;
/** Of an engine that stands still: four items gather, one waits in the queue. */
const ROOM = 5;

/** Lets a batch wait for company as long as may be, and hardly anything queue. */
const slowAndSmall = (folder: string) => {
  const path = join(folder, 'manifest.yaml');
  const manifest = readFileSync(path, 'utf8')
    .replace('max_queue_delay_ms: 0', 'max_queue_delay_ms: 1000')
    .replace('max_batch_size: 8', 'max_batch_size: 4')
    .replace('max_queue_size: 64', 'max_queue_size: 1');
  writeFileSync(path, manifest);
};

describe('inference under callers who leave, hurry or crowd', () => {
  let running: RunningInference;
  const inFlight = async () =>
    /headgate_inference_in_flight_items\{[^}]*version="1"[^}]*\} (\d+)/.exec(
      (await running.get('/metrics')).text,
    )?.[1];
  /** Session runs of version 1 so far. */
  const runs = async () => {
    const { text } = await running.get('/metrics');
    const counts = text.matchAll(/headgate_inference_batches_total\{[^}]*\} (\d+)/g);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  const batchSize = async () =>
    (await running.infer(imageRequest([SEVEN]))).parameters.batch_size?.int64_param;

  /** Does something while the engine stands still, so that callers who wait then go on waiting. */
  const whileStopped = async <T>(work: () => Promise<T>): Promise<T> => {
    const [, pid] = /"pid":(\d+)[^\n]*an engine is ready/.exec(running.log()) ?? [];
    process.kill(Number(pid), 'SIGSTOP');
    try {
      return await work();
    } finally {
      process.kill(Number(pid), 'SIGCONT');
    }
  };

  beforeAll(async () => {
    const settings = { HEADGATE_INFERENCE__ADMISSION__ANSWER_RESERVE_MS: String(RESERVE_MS) };
    running = await runInference(['1'], settings, ({ addVersion }) => addVersion('1', slowAndSmall));
    await running.until(async () => (await running.get('/readyz')).status === 200);
  }, 120_000);
  afterAll(() => running.stop());

  it('refuses an image that takes too long to decode by its header, and names it', async () => {
    const interlaced = Buffer.from(SEVEN);
    interlaced.writeUInt32BE(7700, 16);
    interlaced.writeUInt32BE(5150, 20);
    interlaced.writeUInt8(1, 28);
    await expect(running.infer(imageRequest([SEVEN, interlaced]))).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringMatching(/inputs\[0\] element 1: .*without interlacing/),
    });
    expect(await reasonOf(running.infer(imageRequest([SEVEN])))).toBe('ok');
  });

  it('gives the place of a cancelled call free and never runs its image', async () => {
    const before = await runs();
    await whileStopped(async () => {
      const call = running.client.modelInfer(imageRequest([SEVEN]), new Metadata(), {}, () => {});
      call.on('error', () => {});
      await running.until(async () => (await inFlight()) === '1');
      call.cancel();
      await running.until(async () => (await inFlight()) === '0');
    });
    expect(await batchSize()).toBe(1);
    expect(await runs()).toBe(before + 1);
  });

  it('gives the place of a caller whose connection breaks free', async () => {
    const before = await runs();
    const other = await running.connectCuttable();
    await whileStopped(async () => {
      other.client.modelInfer(imageRequest([SEVEN]), () => {});
      await running.until(async () => (await inFlight()) === '1');
      other.cut();
      await running.until(async () => (await inFlight()) === '0');
    });
    expect(await batchSize()).toBe(1);
    expect(await runs()).toBe(before + 1);
  });

  it('answers before the deadline of a caller who has less time than the batch would wait', async () => {
    // On a busy machine the delay may pass before the picture is decoded: another one is sent then.
    await running.until(async () => {
      const call = running.infer(imageRequest([SEVEN]), { deadline: Date.now() + RESERVE_MS });
      expect(await reasonOf(call)).toBe('ok');
      return /batches_total\{[^}]*release="deadline"\} [1-9]/.test((await running.get('/metrics')).text);
    });
  });

  it('refuses at the queue timeout that a caller asks for, not after the batch, and does not run the image', async () => {
    const before = await runs();
    await whileStopped(async () => {
      const timeout = { int64_param: 150_000 };
      const call = running.infer({ ...imageRequest([SEVEN]), parameters: { timeout } });
      expect(await reasonOf(call)).toBe('deadline_exceeded');
      await running.until(async () => (await inFlight()) === '0');
    });
    expect(await batchSize()).toBe(1);
    expect(await runs()).toBe(before + 1);
  });

  it('refuses the crowd at once, says when to come back, and answers those it accepted', async () => {
    const refused: ServiceError[] = [];
    const one = () => running.infer(imageRequest([SEVEN])).catch((error) => void refused.push(error));
    const crowd = await whileStopped(async () => {
      const asked = Array.from({ length: 40 }, one);
      await running.until(async () => refused.length >= 40 - ROOM);
      return asked;
    });
    const answers = await Promise.all(crowd);
    expect(answers.filter((answer) => answer !== undefined)).toHaveLength(ROOM);
    for (const { code, metadata } of refused) {
      expect([code, metadata.get('headgate-reason')]).toEqual([8, ['overloaded']]);
      expect(Number(metadata.get('retry-after-ms')[0])).toBeGreaterThan(0);
    }
  });

  it('refuses a message beyond the limit and goes on', async () => {
    const huge = Buffer.alloc(17 * 1024 * 1024);
    expect(await reasonOf(running.infer(imageRequest([huge])))).toMatch(/code/);
    expect(await batchSize()).toBe(1);
  });

  it('mints no metric series for names that nobody configured', async () => {
    const names = Array.from({ length: 200 }, (_, i) => `junk-${i}`);
    await Promise.all(
      names.map((model_name) => reasonOf(running.infer({ ...imageRequest([SEVEN]), model_name }))),
    );
    await Promise.all(names.map((version) => reasonOf(running.infer(imageRequest([SEVEN], version)))));
    const { text } = await running.get('/metrics');
    expect(text).not.toContain('junk');
    expect(text).toMatch(
      /headgate_inference_requests_total\{model="other",version="other",outcome="unknown_model"\} 200/,
    );
  });

  it('cuts long names of a caller in its log', async () => {
    const before = running.log().length;
    const call = {
      ...imageRequest([SEVEN]),
      model_name: 'x'.repeat(100_000),
      model_version: '1'.repeat(100_000),
    };
    expect(await reasonOf(running.infer(call))).toBe('unknown_model');
    expect(running.log().length - before).toBeLessThan(2000);
  });
});
