import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { sessionOptions } from '../../inference/src/engine/child/onnx.ts';

/** Thread of the bare loop that owns the session; answers each job with the class of its first photo. */
export interface SessionJob {
  /** One photo each, decoded. */
  readonly pixels: readonly Uint8Array[];
}

const SIDE = 224;
const CHANNELS = 3;
const ITEM_BYTES = SIDE * SIDE * CHANNELS;
/** As many as a batch holds, at most. */
const MAX_BATCH = 8;

const { model } = workerData as { model: string };
const session = await InferenceSession.create(
  model,
  sessionOptions({ provider: 'cpu', deviceId: 0, intraOpThreads: 1 }),
);
const input = session.inputNames[0] as string;
const output = session.outputNames[0] as string;
const joined = new Uint8Array(ITEM_BYTES * MAX_BATCH);

async function run(count: number): Promise<number> {
  const batch = joined.subarray(0, count * ITEM_BYTES);
  const answer = await session.run({ [input]: new Tensor('uint8', batch, [count, SIDE, SIDE, CHANNELS]) });
  const logits = answer[output]?.data as Float32Array;
  const first = logits.subarray(0, logits.length / count);
  return first.indexOf(Math.max(...first));
}

for (let count = 1; count <= MAX_BATCH; count *= 2) await run(count);
parentPort?.on('message', async ({ pixels }: SessionJob) => {
  pixels.forEach((one, index) => {
    joined.set(one, index * ITEM_BYTES);
  });
  parentPort?.postMessage(await run(pixels.length));
});
parentPort?.postMessage(0);
