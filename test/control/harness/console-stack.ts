import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RolloutPolicy } from '@headgate/contracts/rollout';
import { launchBrowser } from '@headgate/testkit/browser';
import { httpClient } from '@headgate/testkit/http';
import { sendAll } from '@headgate/testkit/load';
import { samplePhoto } from '@headgate/testkit/photos';
import { expectPrediction, type PredictBody, postPhoto, postPhotos } from '@headgate/testkit/predict';
import { writeRouting } from '@headgate/testkit/routing';
import { type Ready, startStack } from '@headgate/testkit/stack';
import type { Browser } from 'playwright-core';
import { createModelFolder } from '../../../inference/src/testing/model-folder.ts';
import { DARK_ONLY, writeTensorModel } from '../../../inference/src/testing/tensor-models.ts';
import { sendFeedback } from './digits-stack.ts';
import { storeIsReady } from './store-ready.ts';

export const MODEL = 'digits';
/** `npm start` sends it a photo, so the requests to the other model are those of the test alone. */
const DEFAULT_MODEL = 'figures';

/** Steps that a test can wait for. */
const QUICK: RolloutPolicy = {
  steps: [
    { weight: 20, hold_s: 1, min_samples: 20, approval: 'automatic' },
    { weight: 100, hold_s: 1, min_samples: 20, approval: 'manual' },
  ],
  guardrails: [{ metric: 'error_rate', max: 0.05, max_increase: 0.01 }],
  ready_within_s: 60,
};

/** What the gateway answered to one request. */
export interface Seen {
  readonly unit: string;
  readonly status: number;
  /** Of answers 200 only. */
  readonly body: PredictBody | undefined;
}

/** The whole service and a browser. */
export interface ConsoleStack {
  readonly ready: Ready;
  readonly browser: Browser;
  /** Sends a photo as each of these units, and keeps the answers. */
  send(units: readonly string[]): Promise<readonly Seen[]>;
  /** Sends a photo in a file of this name, and feedback on it. @returns the id of the answer */
  sendWithFeedback(filename: string, label: string): Promise<string>;
  /** Sends feedback that names the class of a picture. */
  judge(predictionId: string, label: string): Promise<number>;
  stop(): Promise<void>;
}

/**
 * The digits model in three versions: 1 is the control, 2 is as good, 3 fails at each request. The policy `quick` goes
 * through its two steps in seconds.
 *
 * @param options.sevenInVersion2 how version 2 calls the digit 7
 * @param options.weight share of version 2, in percent
 */
export async function startConsole({ sevenInVersion2 = '7', weight = 10 } = {}): Promise<ConsoleStack> {
  const folder = createModelFolder();
  folder.addVersion('2', (version) => renameSeven(version, sevenInVersion2));
  writeTensorModel(join(folder.dir, 'models'), MODEL, DARK_ONLY, '3');
  copyAs(DEFAULT_MODEL, join(folder.dir, 'models'));
  const dir = mkdtempSync(join(tmpdir(), 'headgate-console-'));
  const routingFile = join(dir, 'routing.yaml');
  writeRouting(routingFile, routingOf(weight));
  const env = {
    HEADGATE_ROUTING_FILE: routingFile,
    HEADGATE_INFERENCE__MODELS_DIR: join(folder.dir, 'models'),
    HEADGATE_AUDIT__DIR: join(dir, 'audit'),
    HEADGATE_AUDIT__HEADS_FILE: join(dir, 'heads.jsonl'),
    HEADGATE_CONTROL__ROLLOUT_POLICIES: JSON.stringify({ quick: QUICK }),
  };
  const stack = await startStack({ env });
  const browser = await launchBrowser();
  const { ready } = stack;
  const control = httpClient(new URL(ready.console).origin);
  await storeIsReady(control, ready.keys.admin);
  await control.close();
  const gateway = httpClient(ready.gateway);
  const photo = samplePhoto('digit-7.png');
  const sendOne = async (unit: string): Promise<Seen> => {
    const { status, text } = await postPhoto(gateway, photo, { key: ready.keys.bench, unit, path: PATH });
    return { unit, status, body: status === 200 ? (JSON.parse(text) as PredictBody) : undefined };
  };
  return {
    ...{ ready, browser },
    send: (units) => sendAll(8, units.length, (index) => sendOne(units[index] as string)),
    sendWithFeedback: async (filename, label) => {
      const options = { key: ready.keys.bench, path: PATH };
      const { id } = expectPrediction(await postPhotos(gateway, [{ ...photo, name: filename }], options));
      await sendFeedback(gateway, ready.keys.bench, id, label);
      return id;
    },
    judge: (id, label) => sendFeedback(gateway, ready.keys.bench, id, label),
    stop: async () => {
      await Promise.all([browser.close(), gateway.close()]);
      const orphans = await stack.stop();
      for (const each of [folder.dir, dir]) rmSync(each, { recursive: true, force: true });
      if (orphans.length > 0) throw new Error(`processes outlived Ctrl-C: ${orphans.join(', ')}`);
    },
  };
}

/** The digits model under another name. */
function copyAs(name: string, models: string): void {
  cpSync(join(models, MODEL, '1'), join(models, name, '1'), { recursive: true });
  const manifest = join(models, name, '1/manifest.yaml');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(`name: ${MODEL}`, `name: ${name}`));
}

/** Gives the digit 7 another label, and the manifest the digest of the labels. */
function renameSeven(version: string, label: string): void {
  const [labelsFile, manifestFile] = [join(version, 'labels.json'), join(version, 'manifest.yaml')];
  const digest = () => createHash('sha256').update(readFileSync(labelsFile)).digest('hex');
  const before = digest();
  const labels = JSON.parse(readFileSync(labelsFile, 'utf8')) as string[];
  writeFileSync(labelsFile, JSON.stringify(labels.with(7, label)));
  writeFileSync(manifestFile, readFileSync(manifestFile, 'utf8').replace(before, digest()));
}

const routingOf = (weight: number) => ({
  schema: 1 as const,
  default_model: DEFAULT_MODEL,
  models: {
    [DEFAULT_MODEL]: {
      versions: ['1'],
      experiment: { name: 'alone', salt: 'alone', variants: [{ name: 'v1', version: '1', weight: 100 }] },
    },
    [MODEL]: {
      versions: ['1', '2'],
      experiment: {
        name: 'first',
        salt: 'first',
        variants: [
          { name: 'v1', version: '1', weight: 100 - weight },
          { name: 'v2', version: '2', weight },
        ],
      },
    },
  },
});

const PATH = `/v1/models/${MODEL}/predict`;

/** Distinct units: `NAME-0`, `NAME-1`, … */
export function unitsOf(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index}`);
}

/** How many answers came from a variant. */
export function countOf(seen: readonly Seen[], variant: string): number {
  return seen.filter(({ body }) => body?.variant === variant).length;
}
