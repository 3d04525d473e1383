import { HEADER } from '@headgate/contracts/names';
import { eventually } from '@headgate/testkit/eventually';
import { type Answer, httpClient } from '@headgate/testkit/http';
import { median } from '@headgate/testkit/stats';
import { type GatewayProcessOptions, gatewayOrigin, spawnGateway } from './gateway-process.ts';

/** From the spawn of the process, medians in ms. */
export interface GatewayStart {
  /** First answer to a prediction request, whatever it says. */
  readonly firstAnswerMs: number;
  /** First prediction: the versions of the upstream must be known as ready by then. */
  readonly firstPredictionMs: number;
}

const SPAWNS = 7;

/** Spawns the built gateway again and again and asks for a prediction until it gives one. */
export async function timeGatewayStarts(
  options: GatewayProcessOptions,
  request: { readonly photo: Buffer; readonly key: string },
  progress: (line: string) => void,
): Promise<GatewayStart> {
  const starts: GatewayStart[] = [];
  for (let spawned = 0; spawned < SPAWNS; spawned += 1) starts.push(await timeOneStart(options, request));
  const firstAnswerMs = median(starts.map((start) => start.firstAnswerMs));
  const firstPredictionMs = median(starts.map((start) => start.firstPredictionMs));
  progress(
    `gateway process: first answer after ${firstAnswerMs.toFixed(0)} ms, first prediction after ${firstPredictionMs.toFixed(0)} ms`,
  );
  return { firstAnswerMs, firstPredictionMs };
}

async function timeOneStart(
  options: GatewayProcessOptions,
  { photo, key }: { readonly photo: Buffer; readonly key: string },
): Promise<GatewayStart> {
  const startMs = performance.now();
  const gateway = spawnGateway(options);
  const client = httpClient(gatewayOrigin(options.portBase), { connections: 1 });
  const headers = { 'content-type': 'image/jpeg', [HEADER.apiKey]: key };
  const ask = () => client.send({ path: '/predict', headers, body: photo });
  const wait = { what: 'an answer of a fresh gateway', withinMs: 20_000, everyMs: 2 };
  try {
    const first: Answer = await eventually(ask, wait);
    const firstAnswerMs = performance.now() - startMs;
    if (first.status === 200) return { firstAnswerMs, firstPredictionMs: firstAnswerMs };
    await eventually(async () => (await ask()).status === 200, wait);
    return { firstAnswerMs, firstPredictionMs: performance.now() - startMs };
  } finally {
    await client.close();
    await gateway.stop();
  }
}
