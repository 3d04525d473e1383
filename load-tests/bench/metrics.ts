/**
 * `npm run bench:metrics`: what metrics, statistics, spans (off) and the log line cost inference for each image, in
 * CPU-µs with a 95 % interval. The target is < 150. The handler of the calls is the real one, over a pipeline that
 * does nothing; so the first row holds a little more than what it is about.
 */

import { openSync, writeSync } from 'node:fs';
import { Metadata, type ServerUnaryCall } from '@grpc/grpc-js';
import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { METADATA } from '@headgate/contracts/names';
import { createLogger } from '@headgate/contracts/telemetry/logger';
import { parseTraceparent } from '@headgate/contracts/trace-context';
import { Histogram, Registry } from 'prom-client';
import type { Batch } from '../../inference/src/batch.ts';
import { systemClock } from '../../inference/src/clock.ts';
import { createInferHandler } from '../../inference/src/infer-handler.ts';
import type { ItemResult } from '../../inference/src/item.ts';
import type { Deployment } from '../../inference/src/models/deployment.ts';
import { Metrics, observeBatches } from '../../inference/src/telemetry/metrics.ts';
import { startBatchSpan, startInferSpan } from '../../inference/src/telemetry/spans.ts';
import { Statistics } from '../../inference/src/telemetry/statistics.ts';
import { describeMachine } from './machine.ts';
import { table } from './markdown.ts';
import { type Case, costRow, measureCases } from './micro.ts';

const MODEL = 'efficientnet-lite0';
const VERSION = '1';
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
/** Images that share a run. */
const BATCH_SIZE = 4;
/** Versions that are served: looking one up must not depend on how many there are. */
const VERSIONS = 10;
const TIMES_PER_BLOCK = 4000;
const TARGET_US = 150;
/** Log lines are written in blocks of so many bytes, as the logger does on standard output. */
const BLOCK_BYTES = 4096;

const RESULT: ItemResult = {
  row: { classIds: new Int32Array(5), scores: new Float32Array(5) },
  queueMs: 1.5,
  decodeMs: 6,
  runMs: 48,
  batchSize: BATCH_SIZE,
};
const RESULTS = [RESULT];
const BATCH = { members: Array(BATCH_SIZE).fill({ item: {}, decodeMs: 6 }), reason: 'full' } as Batch;

/** Served versions, as the catalogue has them. */
function catalogue() {
  const all = Array.from({ length: VERSIONS }, (_, i) => ({
    model: MODEL,
    version: String(i + 1),
    engines: [],
    restarts: 0,
    queued: 0,
    inFlight: 0,
    limit: 0,
  })) as unknown as Deployment[];
  const byName = new Map(all.map((one) => [`${one.model}/${one.version}`, one]));
  return {
    all: () => all,
    retiring: () => [],
    get: (model: string, version: string) => byName.get(`${model}/${version}`),
  };
}

/** Takes lines, and writes them where they cost a system call and nothing else. */
function nowhere() {
  const file = openSync('/dev/null', 'w');
  let pending = '';
  return {
    write(line: string) {
      pending += line;
      if (pending.length < BLOCK_BYTES) return;
      writeSync(file, pending);
      pending = '';
    },
  };
}

function incomingCall(): ServerUnaryCall<ModelInferRequest__Output, ModelInferResponse> {
  const metadata = new Metadata();
  metadata.set(METADATA.requestId, '01938c5e-7c1a-7000-8000-000000000000');
  metadata.set(METADATA.traceparent, TRACEPARENT);
  metadata.set(METADATA.variant, 'control');
  const call = {
    request: { model_name: MODEL, model_version: VERSION },
    metadata,
    cancelled: false,
    getDeadline: () => new Date(Date.now() + 10_000),
    on: () => call,
  };
  return call as unknown as ServerUnaryCall<ModelInferRequest__Output, ModelInferResponse>;
}

/** The same observation with and without a trace id beside it. */
function exemplarCases(): Case[] {
  // prom-client takes exemplars only in a registry of the other format.
  const registry = new Registry<'application/openmetrics-text; version=1.0.0; charset=utf-8'>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const options = { help: 'Time.', labelNames: ['model', 'version'], registers: [registry] };
  const plain = new Histogram({ ...options, name: 'plain' });
  const traced = new Histogram({ ...options, name: 'traced', enableExemplars: true });
  const labels = { model: MODEL, version: VERSION };
  const exemplarLabels = { trace_id: TRACEPARENT.slice(3, 35) };
  return [
    { name: 'one observation of a histogram', run: repeat(() => plain.observe(labels, 0.05)) },
    {
      name: 'one observation with an exemplar',
      run: repeat(() => traced.observe({ labels, value: 0.05, exemplarLabels })),
    },
  ];
}

function repeat(once: (i: number) => void): (times: number) => void {
  return (times) => {
    for (let i = 0; i < times; i += 1) once(i);
  };
}

function casesOf(): Case[] {
  const served = catalogue();
  const statistics = new Statistics(served, systemClock);
  const metrics = new Metrics(served, statistics);
  const log = createLogger({ service: 'inference', level: 'info', destination: nowhere() });
  const observer = statistics.countingRuns(
    MODEL,
    VERSION,
    observeBatches(metrics, startBatchSpan)(MODEL, VERSION),
  );
  const ended = { model: MODEL, version: VERSION, outcome: 'ok', durationMs: 56 } as const;
  const count = (i: number) => {
    if (i % BATCH_SIZE === 0) observer.batchStarted(BATCH)();
    metrics.answered(MODEL, VERSION, RESULTS, 0.1);
  };
  let calls = 0;
  const handler = createInferHandler({
    infer: async () => {
      count(calls);
      calls += 1;
      return {};
    },
    metrics,
    log,
    defaultDeadlineMs: 10_000,
  });
  const call = incomingCall();
  return [
    {
      name: '**everything**: the handler of a call, with its log line',
      run: async (times) => {
        for (let i = 0; i < times; i += 1) await handler(call, () => {});
      },
    },
    {
      name: 'histograms and counters',
      run: repeat((i) => {
        count(i);
        metrics.requestFinished(ended);
      }),
    },
    { name: 'of them plain counters', run: repeat(() => statistics.callEnded(ended)) },
    {
      name: 'log line',
      run: repeat(() => log.info({ request_id: 'r', trace_id: 't', ...ended }, 'inference')),
    },
    {
      name: 'trace context and span, without a tracing SDK',
      run: repeat(() => startInferSpan(parseTraceparent(TRACEPARENT), call.request).end()),
    },
    ...exemplarCases(),
  ];
}

const costs = await measureCases(casesOf(), TIMES_PER_BLOCK);
const { cpu, date, commit, loadBefore } = describeMachine();
console.log(
  `Measured on ${date} at commit ${commit}: ${cpu}; load average before it ${loadBefore.toFixed(2)}.`,
);
console.log(
  `CPU-µs per image, batches of ${BATCH_SIZE}, ${VERSIONS} versions; 30 blocks of ${TIMES_PER_BLOCK}.\n`,
);
console.log(table(['what', 'CPU-µs', '95 %'], costs.map(costRow)));
const [everything] = costs;
const most = (everything?.meanUs ?? 0) + (everything?.halfWidthUs ?? 0);
console.log(
  `\nTarget < ${TARGET_US} µs: ${most < TARGET_US ? 'met' : 'missed'} (at most ${most.toFixed(1)}).`,
);
process.exitCode = most < TARGET_US ? 0 : 1;
