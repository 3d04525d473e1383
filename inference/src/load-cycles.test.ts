import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { proportionalBytes } from '@headgate/testkit/processes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FrontProcess, startFront } from './testing/front-process.ts';
import { imageRequest, SEVEN } from './testing/running-inference.ts';
import { rawRequest, x } from './testing/tensor-messages.ts';
import { PICK, UNKNOWN_OPERATOR, writeTensorModel } from './testing/tensor-models.ts';

/** Memory can only be judged over many cycles: the first few are still growing to their size. */
const FULL = process.env.E2E_FULL !== undefined;
const CYCLES = FULL ? 100 : 4;
const CALLERS = 2;
const WARM_UP_CALLERS = 10;
/**
 * Answers before the first cycle. V8 lets its heap grow in steps over the first ten thousand requests, whatever they
 * are; what loading leaves behind can only be seen after that.
 */
const WARM_UP_CALLS = FULL ? 12_000 : 50;
/** Pause of a caller after each answer, in ms: the loads are to be tested, not the scheduler. */
const PAUSE_MS = 5;
/** Largest change from cycles 10 to 20 to cycles 90 to 100, as a share. */
const MEMORY_BOUND = 0.05;
/** V8 gives back in one go what its heap had grown to, whenever it likes: here it is asked to, all the time. */
const COLLECTING = {
  NODE_OPTIONS: `--require=${fileURLToPath(import.meta.resolve('./testing/collect.cjs'))}`,
};

/** Calls without a pause until they are told to stop. @returns what went wrong */
function callUntilStopped(call: () => Promise<unknown>) {
  const failures: string[] = [];
  let answered = 0;
  let stopped = false;
  const caller = async () => {
    while (!stopped) {
      await call().then(
        () => {
          answered += 1;
        },
        (error: Error) => failures.push(error.message),
      );
      await delay(PAUSE_MS);
    }
  };
  const callers = Promise.all(Array.from({ length: CALLERS }, caller));
  return {
    async stop() {
      stopped = true;
      await callers;
      return { answered, failures };
    },
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

describe(`${CYCLES} cycles of load and unload while requests run`, () => {
  let front: FrontProcess;
  beforeAll(async () => {
    front = await startFront(COLLECTING);
    writeTensorModel(front.models, 'pick', PICK);
  }, 60_000);
  afterAll(() => front.stop());

  it(
    'lose no request, leave no process, and keep the memory of the process tree',
    async () => {
      const pick = rawRequest('pick', { ...x('INT64', [1, 1], BigInt64Array.of(3n)), name: 'index' });
      for (let i = 0; i < WARM_UP_CALLS; i += WARM_UP_CALLERS) {
        await Promise.all(Array.from({ length: WARM_UP_CALLERS }, () => front.infer(imageRequest([SEVEN]))));
      }
      const traffic = callUntilStopped(() => front.infer(imageRequest([SEVEN])));
      const seen = new Set(front.engines());
      const bytes: number[] = [];
      const ofFront: number[] = [];
      for (let cycle = 1; cycle <= CYCLES; cycle += 1) {
        // The served version is reloaded under its own traffic; beside it another model comes and goes.
        await front.load('digits');
        await front.load('pick');
        await front.infer(pick);
        for (const pid of front.engines()) seen.add(pid);
        await front.unload('pick');
        await front.until(() => front.engines().length === 1);
        ofFront.push(proportionalBytes(front.pid));
        bytes.push([front.pid, ...front.engines()].reduce((sum, pid) => sum + proportionalBytes(pid), 0));
      }
      const { answered, failures } = await traffic.stop();
      expect(failures).toEqual([]);
      expect(answered).toBeGreaterThan(CYCLES);
      // Each engine was a process of its own, and ended: what the runtime leaks when it unloads went with it.
      expect(seen.size).toBe(1 + 2 * CYCLES);
      expect(front.engines()).toHaveLength(1);
      const mib = bytes.map((one) => one / 2 ** 20);
      const list = (values: readonly number[]) => values.map((one) => one.toFixed(0)).join(' ');
      console.log(`${answered} answers; memory of the tree, in MiB: ${list(mib)}`);
      console.log(`of these the front: ${list(ofFront.map((one) => one / 2 ** 20))}`);
      if (!FULL) return;
      const [early, late] = [median(mib.slice(9, 20)), median(mib.slice(89, 100))];
      console.log(
        `median of cycles 10-20: ${early.toFixed(1)} MiB, of cycles 90-100: ${late.toFixed(1)} MiB`,
      );
      expect(Math.abs(late / early - 1)).toBeLessThan(MEMORY_BOUND);
    },
    FULL ? 2_400_000 : 180_000,
  );
});

describe('a load that fails, again and again', () => {
  let front: FrontProcess;
  beforeAll(async () => {
    front = await startFront({ HEADGATE_TELEMETRY__LOG_LEVEL: 'silent' });
    writeTensorModel(front.models, 'broken', UNKNOWN_OPERATOR);
    writeTensorModel(front.models, 'pick', PICK);
  }, 60_000);
  afterAll(() => front.stop());

  it('onnxruntime_backend#268: leaves what served before, and no process with what the runtime had taken', async () => {
    await front.load('pick');
    const serving = front.engines();
    // The runtime itself refuses this one, after its process has begun.
    for (let i = 0; i < 3; i += 1) await expect(front.load('broken')).rejects.toThrow(/Clairvoyance/);
    // A version of a model that serves: another file of that name, which the runtime refuses too.
    writeTensorModel(front.models, 'pick', UNKNOWN_OPERATOR);
    for (let i = 0; i < 3; i += 1) await expect(front.load('pick')).rejects.toThrow(/Clairvoyance/);
    await front.until(() => front.engines().length === serving.length);
    expect(front.engines()).toEqual(serving);
    const answer = await front.infer(
      rawRequest('pick', { ...x('INT64', [1, 1], BigInt64Array.of(3n)), name: 'index' }),
    );
    expect(answer.model_version).toBe('1');
  }, 120_000);
});
