import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { API_BASE, type RolloutStart } from '@headgate/contracts/admin/api';
import type { Manifest } from '@headgate/contracts/manifest';
import { HEADER } from '@headgate/contracts/names';
import type { Rollout } from '@headgate/contracts/rollout';
import { parseYaml } from '@headgate/runtime/parse-yaml';
import { bucketOf } from '@headgate/runtime/routing/assign';
import { eventually } from '@headgate/testkit/eventually';
import { type Client, httpClient, httpsClient } from '@headgate/testkit/http';
import { openLoad } from '@headgate/testkit/load';
import { samplePhoto } from '@headgate/testkit/photos';
import { postPhoto } from '@headgate/testkit/predict';
import { ROOT } from '@headgate/testkit/root';
import { writeRouting } from '@headgate/testkit/routing';
import { type OwnedStack, startStack } from '@headgate/testkit/stack';
import { stringify } from 'yaml';
import { DARK_ONLY, writeTensorModel } from '../../../inference/src/testing/tensor-models.ts';

export const MODEL = 'digits';
/** Of the model: right, failing with each request, and fast with the wrong label. */
export const VERSION = { good: '1', failing: '2', mislabelled: '3' } as const;

const photo = samplePhoto('digit-7.png');

/** One answered request, as its sender saw it. Times of the monotonic clock, in ms. */
export interface Sent {
  readonly unit: string;
  readonly startMs: number;
  readonly endMs: number;
  /** 0 without an answer. */
  readonly status: number;
  readonly version: string | undefined;
  readonly id: string | undefined;
}

export type DigitsStack = Awaited<ReturnType<typeof startDigits>>;

/** The real stack with the small model in three versions, and what a client and an operator do with it. */
export async function startDigits() {
  const dir = mkdtempSync(join(tmpdir(), 'headgate-rollout-'));
  const routing = join(dir, 'routing.yaml');
  writeVersions(join(dir, 'models'));
  const versions = Object.values(VERSION);
  const experiment = { name: 'none', salt: 'none', variants: [{ name: 'v1', version: '1', weight: 100 }] };
  writeRouting(routing, { schema: 1, default_model: MODEL, models: { [MODEL]: { versions, experiment } } });
  const stack = await startStack({
    env: {
      HEADGATE_ROUTING_FILE: routing,
      HEADGATE_INFERENCE__MODELS_DIR: join(dir, 'models'),
      HEADGATE_AUDIT__DIR: join(dir, 'audit'),
      HEADGATE_AUDIT__HEADS_FILE: join(dir, 'heads.jsonl'),
    },
  });
  const client = stack.ready.https ? httpsClient(stack.ready) : httpClient(stack.ready.gateway);
  const admin = httpClient(`http://127.0.0.1:${stack.portBase + 7}`);
  return {
    stack,
    routing,
    ...operator(admin, stack),
    /** Open model: so many requests a second, each of a unit of its own, until the function that comes back is called. */
    load: (perSecond: number) => startLoad(client, stack.ready.keys.bench, perSecond),
    feedback: (id: string, label: string) => sendFeedback(client, stack.ready.keys.bench, id, label),
    async stop(): Promise<number[]> {
      await client.close();
      await admin.close();
      const orphans = await stack.stop();
      rmSync(dir, { recursive: true, force: true });
      return orphans;
    },
  };
}

function writeVersions(root: string): void {
  const source = join(ROOT, 'models', MODEL, '1');
  for (const version of [VERSION.good, VERSION.mislabelled]) {
    cpSync(source, join(root, MODEL, version), { recursive: true });
  }
  writeTensorModel(root, MODEL, DARK_ONLY, VERSION.failing);
  const wrong = join(root, MODEL, VERSION.mislabelled);
  const manifest = parseYaml(readFileSync(join(wrong, 'manifest.yaml'), 'utf8')) as Manifest;
  const { labels_sha256: _, ...image } = manifest.image ?? {};
  writeFileSync(
    join(wrong, 'manifest.yaml'),
    stringify({ ...manifest, version: VERSION.mislabelled, image }),
  );
  const labels: string[] = JSON.parse(readFileSync(join(wrong, 'labels.json'), 'utf8'));
  writeFileSync(join(wrong, 'labels.json'), JSON.stringify([...labels.slice(1), ...labels.slice(0, 1)]));
}

function operator(admin: Client, { ready }: OwnedStack) {
  const ask = async <T>(method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown) => {
    const headers = { [HEADER.apiKey]: ready.keys.admin, 'content-type': 'application/json' };
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await admin.send({ method, path: `${API_BASE}${path}`, headers, ...text });
    return { status: answer.status, body: JSON.parse(answer.text) as T };
  };
  const rollout = async (id: string) => (await ask<Rollout>('GET', `/rollouts/${id}`)).body;
  return {
    ask,
    rollout,
    async start(version: string, policy: RolloutStart['policy']): Promise<Rollout> {
      const { status, body } = await ask<Rollout>('POST', '/rollouts', { model: MODEL, version, policy });
      if (status !== 201) throw new Error(`the rollout did not start: ${JSON.stringify(body)}`);
      return body;
    },
    act: (id: string, action: string) => ask<Rollout>('POST', `/rollouts/${id}/${action}`, {}),
    until: (id: string, kind: Rollout['state']['kind'], weight?: number, withinMs = 60_000) =>
      eventually(
        async () => {
          const now = await rollout(id).catch(() => undefined);
          return now?.state.kind === kind && (weight === undefined || now.weight === weight)
            ? now
            : undefined;
        },
        { what: `a rollout that is ${kind} at ${weight ?? 'any'} %`, withinMs },
      ),
  };
}

/** @returns what stops it, waits for the answers, and tells all of them */
function startLoad(client: Client, key: string, perSecond: number) {
  const sent: Sent[] = [];
  const load = openLoad(1000 / perSecond, async (index) => {
    const unit = `unit-${index}`;
    const startMs = performance.now();
    const answer = await postPhoto(client, photo, { key, unit }).catch(() => undefined);
    const { id, version } = answer?.status === 200 ? JSON.parse(answer.text) : {};
    sent.push({ unit, startMs, endMs: performance.now(), status: answer?.status ?? 0, version, id });
  });
  return {
    sent,
    async stop(): Promise<readonly Sent[]> {
      await load.stop();
      return sent;
    },
  };
}

export async function sendFeedback(client: Client, key: string, id: string, label: string): Promise<number> {
  const headers = { 'content-type': 'application/json', [HEADER.apiKey]: key };
  const body = JSON.stringify({ prediction_id: id, index: 0, label });
  return (await client.send({ path: '/v1/feedback', headers, body })).status;
}

/** Whether a unit may be one of the candidate at a weight in percent. */
export const isOfCandidate = (rollout: Pick<Rollout, 'id'>, unit: string, weight: number) =>
  bucketOf(rollout.id, unit) < weight * 100;
