import type { GatewayConfig } from '@headgate/contracts/config/schema';
import type { KeyRecord } from '@headgate/contracts/keys';
import { parseRouting, type Routing } from '@headgate/contracts/routing';
import { childOf } from '@headgate/contracts/trace-context';
import type { AuditChange, AuditEntry, AuditSink } from '@headgate/journal/audit/sink';
import { systemClock } from '@headgate/runtime/clock';
import { memoryKeyStore } from '@headgate/runtime/keys/key-store';
import { createApp } from '../app.ts';
import type { AppDeps } from '../deps.ts';
import { memoryLimiter } from '../rate-limit/memory.ts';
import type { PredictionRecord, RequestRecord, Telemetry } from '../telemetry/telemetry.ts';
import type { PredictCall, Prediction } from '../upstream/inference.ts';
import { echoInference } from './echo-inference.ts';

/** Keys as a caller sends them. */
export const KEYS = {
  client: `hg_client01_${'c'.repeat(32)}`,
  other: `hg_client02_${'o'.repeat(32)}`,
  tester: `hg_tester01_${'t'.repeat(32)}`,
  bench: `hg_bench001_${'b'.repeat(32)}`,
  admin: `hg_admin001_${'a'.repeat(32)}`,
} as const;

const RECORDS = [
  { key: KEYS.client, role: 'client', tier: 'default' },
  { key: KEYS.other, role: 'client', tier: 'default' },
  { key: KEYS.tester, role: 'tester', tier: 'bench' },
  { key: KEYS.bench, role: 'client', tier: 'bench' },
  { key: KEYS.admin, role: 'admin', tier: 'bench' },
] as const;

export const CONFIG: GatewayConfig = {
  keys_file: 'unused',
  oidc: {
    keys: { refresh_ms: 600_000, max_age_ms: 3_600_000 },
    issuers: [],
  },
  docs_public: false,
  cors: { origins: [], max_age_s: 600 },
  deadline: { default_ms: 5000, max_ms: 10_000 },
  limits: {
    body_bytes: 1024 * 1024,
    image_pixels: 40_000_000,
    image_frames: 8,
    images_per_request: 16,
    in_flight: 64,
    held_bytes: 64 * 1024 * 1024,
  },
  drain: { delay_ms: 0, timeout_ms: 20_000 },
  rate_limit: {
    store: 'memory',
    redis: { url_file: 'unused' },
    on_failure: { mode: 'local_share', replicas: 1 },
    global: { all: null, predict: null },
    failed_credentials: [
      { points: 20, window_s: 60 },
      { points: 100, window_s: 3600 },
    ],
    tiers: {
      default: { all: { points: 100, window_s: 60 }, predict: { points: 10, window_s: 60 } },
      bench: { all: null, predict: null },
    },
  },
  upstream: { target: '', second_attempt: true },
};

/** Version 1 is the control; version 2 has a tenth of the units. */
export const ROUTING: Routing = parseRouting({
  schema: 1,
  default_model: 'net',
  models: {
    net: {
      versions: ['1', '2', '3'],
      experiment: {
        name: 'exp',
        salt: 'exp-1',
        variants: [
          { name: 'control', version: '1', weight: 90 },
          { name: 'treatment', version: '2', weight: 10 },
        ],
      },
    },
  },
});

export const PREDICTION: Prediction = {
  top: [{ label: 'tiger cat', class_id: 282, score: 0.385 }],
  timing: { queueMs: 1, decodeMs: 2, runMs: 3 },
  engineMs: 1.5,
};

/** What the app told its surroundings. */
interface Seen {
  readonly calls: PredictCall[];
  readonly requests: RequestRecord[];
  readonly predictions: PredictionRecord[];
  readonly audit: AuditEntry[];
  readonly changes: AuditChange[];
  readonly rateLimited: string[];
  readonly authFailures: string[];
  /** Model and version of each request that was refused in place of inference. */
  readonly shed: string[];
  readonly keysUsed: string[];
  /** Bytes of each body that arrived. */
  readonly bodies: number[];
}

export interface Fixture {
  readonly app: ReturnType<typeof createApp>;
  readonly seen: Seen;
  readonly sink: AuditSink;
  /** Sends a request with the bench key, unless the headers say otherwise. */
  send(path: string, init?: RequestInit & { ip?: string }): Promise<Response>;
}

/** The whole app with in-memory surroundings; the client's address is what `env.ip` says. */
export async function fixture(overrides: Partial<AppDeps> = {}): Promise<Fixture> {
  const seen: Seen = {
    calls: [],
    requests: [],
    predictions: [],
    audit: [],
    changes: [],
    rateLimited: [],
    authFailures: [],
    shed: [],
    keysUsed: [],
    bodies: [],
  };
  const sink: AuditSink = {
    record: (entry) => seen.audit.push(entry),
    change: async (change) => void seen.changes.push(change),
  };
  const app = createApp({
    config: CONFIG,
    routing: { current: () => ROUTING },
    predictor: {
      predict: async (call) => {
        seen.calls.push(call);
        return PREDICTION;
      },
    },
    inference: echoInference(),
    readiness: { isReady: () => true },
    limiter: memoryLimiter({ maxSubjects: 10_000 }),
    keys: memoryKeyStore(await keyRecords()),
    telemetry: {
      ...silentTelemetry(),
      requestFinished: (record) => seen.requests.push(record),
      predictionFinished: (record) => seen.predictions.push(record),
      rateLimited: (scope, group) => seen.rateLimited.push(`${scope}/${group}`),
      authFailed: (reason) => seen.authFailures.push(reason),
      requestShed: (model, version) => seen.shed.push(`${model}/${version}`),
      keyUsed: (keyId, secret) => seen.keysUsed.push(`${keyId}/${secret}`),
      bodyReceived: (bytes) => seen.bodies.push(bytes),
    },
    audit: sink,
    clientIp: (_request, env) => (env as { ip: string }).ip,
    draining: () => false,
    clock: systemClock,
    ...overrides,
  });
  return {
    app,
    seen,
    sink,
    async send(path, { ip = '192.0.2.1', ...init } = {}) {
      const headers = new Headers(init.headers);
      if (!headers.has('x-api-key')) headers.set('x-api-key', KEYS.bench);
      return app.request(path, { ...init, headers }, { ip });
    },
  };
}

/** The records of `KEYS`. */
export function keyRecords(): Promise<KeyRecord[]> {
  return Promise.all(RECORDS.map(recordOf));
}

/** Reports to nobody, and makes trace contexts as tracing without an SDK does. */
export function silentTelemetry(): Telemetry {
  const ignore = () => undefined;
  return {
    requestStarted: ignore,
    requestFinished: ignore,
    predictionFinished: ignore,
    rateLimited: ignore,
    authFailed: ignore,
    addressLockedOut: ignore,
    requestShed: ignore,
    keyUsed: ignore,
    bodyReceived: ignore,
    startSpan: (_name, parent) => ({ context: childOf(parent), end: ignore }),
  };
}

async function recordOf({ key, role, tier }: (typeof RECORDS)[number]): Promise<KeyRecord> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key)));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { id: key.split('_')[1] as string, sha256, name: 'test', role, tier };
}
