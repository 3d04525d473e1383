import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, httpClient, httpsClient } from '@headgate/testkit/http';
import { openLoad } from '@headgate/testkit/load';
import { postPhoto } from '@headgate/testkit/predict';
import type { OwnedStack } from '@headgate/testkit/stack';
import { sendFeedback } from '../../control/harness/digits-stack.ts';

/** A picture whose right answer is known. */
export interface Labelled {
  readonly label: string;
  readonly bytes: Buffer;
}

/** The answer to one request, held against its picture's label. */
export interface Answered {
  /** When it was sent; monotonic, in ms. */
  readonly startMs: number;
  readonly status: number;
  readonly version: string | undefined;
  readonly isRight: boolean;
}

/** Pictures of a folder `<label>/<file>.png`. */
export function labelledImages(dir: string): Labelled[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: label }) =>
      readdirSync(join(dir, label)).map((file) => ({ label, bytes: readFileSync(join(dir, label, file)) })),
    );
}

/** Users who send a picture each, and say what was right, until `stop`. */
export interface Traffic {
  readonly answered: readonly Answered[];
  stop(): Promise<readonly Answered[]>;
}

export interface TrafficOptions {
  readonly stack: OwnedStack;
  readonly model: string;
  readonly images: readonly Labelled[];
  readonly perSecond: number;
}

export function startTraffic({ stack, model, images, perSecond }: TrafficOptions): Traffic {
  const client = stack.ready.https ? httpsClient(stack.ready) : httpClient(stack.ready.gateway);
  const key = stack.ready.keys.bench;
  const answered: Answered[] = [];
  const load = openLoad(1000 / perSecond, async (index) => {
    const image = images[index % images.length];
    if (image) answered.push(await askAndJudge(client, { key, model, unit: `user-${index}`, image }));
  });
  return {
    answered,
    stop: async () => {
      await load.stop();
      await client.close();
      return answered;
    },
  };
}

interface Ask {
  readonly key: string;
  readonly model: string;
  readonly unit: string;
  readonly image: Labelled;
}

async function askAndJudge(client: Client, { key, model, unit, image }: Ask): Promise<Answered> {
  const photo = { name: 'digit.png', type: 'image/png', bytes: image.bytes };
  const path = `/v1/models/${model}/predict`;
  const startMs = performance.now();
  const answer = await postPhoto(client, photo, { key, unit, path }).catch(() => undefined);
  if (answer?.status !== 200)
    return { startMs, status: answer?.status ?? 0, version: undefined, isRight: false };
  const { id, version, predictions } = JSON.parse(answer.text);
  await sendFeedback(client, key, id, image.label).catch(() => undefined);
  return { startMs, status: 200, version, isRight: predictions[0]?.top?.[0]?.label === image.label };
}

/** How many were right of each version, in words. */
export function inWords(answered: readonly Answered[]): string {
  const versions = [...new Set(answered.flatMap(({ version }) => version ?? []))].sort();
  const shares = versions.map((version) => {
    const own = answered.filter((one) => one.version === version);
    const right = own.filter(({ isRight }) => isRight).length;
    return `version ${version}: ${own.length} answers, ${((100 * right) / own.length).toFixed(1)} % right`;
  });
  const failed = answered.filter(({ status }) => status !== 200).length;
  return [...shares, `${failed} failed`].join('; ');
}
