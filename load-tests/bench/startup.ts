import { HEADER } from '@headgate/contracts/names';
import { httpsClient } from '@headgate/testkit/http';
import { samplePhoto } from '@headgate/testkit/photos';
import { type StackOptions, startStack } from '@headgate/testkit/stack';
import { median } from '@headgate/testkit/stats';

const STARTS = 3;

/**
 * From `npm start`, everything cached, to the first prediction that a client outside gets over HTTPS: median of
 * three starts, in ms.
 */
export async function timeStarts(options: StackOptions, progress: (line: string) => void): Promise<number> {
  const times: number[] = [];
  for (let start = 1; start <= STARTS; start += 1) {
    const ms = await timeOneStart(options);
    progress(`npm start ${start}/${STARTS}: first prediction over HTTPS after ${(ms / 1000).toFixed(2)} s`);
    times.push(ms);
  }
  return median(times);
}

async function timeOneStart(options: StackOptions): Promise<number> {
  const startMs = performance.now();
  const stack = await startStack(options);
  try {
    const client = httpsClient(stack.ready);
    const { type, bytes } = samplePhoto('chelsea.png');
    const headers = { 'content-type': type, [HEADER.apiKey]: stack.ready.keys.bench };
    const { status } = await client.send({ path: '/predict', headers, body: bytes });
    const ms = performance.now() - startMs;
    await client.close();
    if (status !== 200) throw new Error(`the first prediction was answered with ${status}`);
    return ms;
  } finally {
    await stack.stop();
  }
}
