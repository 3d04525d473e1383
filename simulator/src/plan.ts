import type { Calibration } from './calibration.ts';
import { Machine, Process } from './machine.ts';
import { type Simulated, simulate } from './simulate.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface Question {
  readonly calibration: Calibration;
  /** Requests per second of all clients: one deployment for each of these loads. */
  readonly perSecond: readonly number[];
  /** 95 of 100 answers come within this time, in ms. */
  readonly p95Ms: number;
  /** Values of max_batch_size and max_queue_delay_ms to choose from. */
  readonly batchSizes: readonly number[];
  readonly delaysMs: readonly number[];
  /** Requests of each simulation. */
  readonly requests: number;
  /** A generator of numbers in [0, 1) for each simulation: the same for all, so that only the scenario differs. */
  readonly randomOf: () => () => number;
  readonly progress?: (line: string) => void;
}

/** One pod under one load. */
export interface Point {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly refusedShare: number;
  readonly cpuShare: number;
  readonly batchSize: number;
  readonly queueMs: number;
}

export interface Plan {
  readonly maxBatchSize: number;
  readonly maxQueueDelayMs: number;
  /** A pod at the most that it is planned for. */
  readonly most: Point;
  /** A pod from a tenth of that up to more than it can do. */
  readonly curve: readonly Point[];
  /** When to add pods, for the chart's `inference.autoscaling`: one of the two. */
  readonly target: { readonly cpuPercent: number | null; readonly queueTimeMs: number | null };
  /** One for each load that was asked for. */
  readonly deployments: readonly Deployment[];
}

export interface Deployment {
  /** Of all clients. */
  readonly perSecond: number;
  readonly pods: number;
  readonly gateways: number;
  /** A pod at its share of the load. */
  readonly planned: Point;
  /** Pods, for the chart's `inference.autoscaling`. */
  readonly minReplicas: number;
  readonly maxReplicas: number;
}

/** Gateways are planned for so much of their core: queues grow without bound towards all of it. */
const GATEWAY_SHARE = 0.6;
/** More refusals than one in a thousand do not count as served. */
const MAX_REFUSED = 0.001;
const BISECTIONS = 7;
/** A pod is planned for so much of what it does at its limit, where queues grow slowly and without end. */
const HEADROOM = 0.85;
/** Batches of each engine while the limit of a pod is measured: one runs, one gathers. */
const BACKLOG = 2;
/** Shares of the most that a pod is planned for. */
const CURVE = [0.1, 0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.25];
/** Pods for so much more load than planned. */
const SURGE = 4 / 3;
/** So few survive the loss of a node and a rollout at the same time. */
const MIN_REPLICAS = 3;

/**
 * The fewest pods that answer so many requests in time, and how they batch. Pods are alike and share the load evenly, so
 * one of them is simulated; with more of them each one's arrivals are a Poisson process too.
 *
 * @returns undefined when not even a pod alone answers in time
 */
export async function plan(asked: Question): Promise<Plan | undefined> {
  const question = { ...asked, gatewayMs: await gatewayTimes(asked) };
  const { batchSizes, delaysMs, progress } = question;
  let best: { readonly batch: number; readonly delay: number; readonly rate: number } | undefined;
  for (const batch of batchSizes) {
    for (const delay of delaysMs) {
      const rate = await mostPerPod(question, batch, delay);
      progress?.(`batch ${batch}, delay ${delay} ms: ${rate.toFixed(1)} per second and pod`);
      // A larger batch must be worth its memory.
      if (rate > 1.02 * (best?.rate ?? 0)) best = { batch, delay, rate };
    }
  }
  if (!best) return undefined;
  const { batch, delay, rate } = best;
  const curve: Point[] = [];
  for (const share of CURVE) curve.push(await pointAt(question, batch, delay, share * rate));
  const most = curve[CURVE.indexOf(1)] as Point;
  const deployments: Deployment[] = [];
  for (const perSecond of question.perSecond) {
    const pods = Math.ceil(perSecond / rate);
    const planned = await pointAt(question, batch, delay, perSecond / pods);
    const minReplicas = Math.max(MIN_REPLICAS, pods);
    const maxReplicas = Math.max(minReplicas + 1, Math.ceil(pods * SURGE));
    const gateways = gatewaysFor(question.calibration, perSecond);
    deployments.push({ perSecond, pods, gateways, planned, minReplicas, maxReplicas });
  }
  return { maxBatchSize: batch, maxQueueDelayMs: delay, most, curve, target: targetOf(most), deployments };
}

interface Prepared extends Question {
  readonly gatewayMs: () => number;
}

/** Requests per second that one pod answers in time, with headroom. */
async function mostPerPod(question: Prepared, batch: number, delay: number): Promise<number> {
  const { calibration, requests, randomOf } = question;
  const batching = batchingOf(batch, delay);
  const callers = BACKLOG * calibration.pod.engines * batch;
  const saturated = await simulate({
    calibration,
    batching,
    load: { callers },
    requests,
    random: randomOf(),
  });
  let [low, high] = [0, HEADROOM * saturated.perSecond];
  const suffices = async (rate: number) => {
    const { p95Ms, refusedShare } = await pointAt(question, batch, delay, rate);
    return p95Ms <= question.p95Ms && refusedShare <= MAX_REFUSED;
  };
  if (await suffices(high)) return high;
  for (let step = 0; step < BISECTIONS; step += 1) {
    const rate = (low + high) / 2;
    if (await suffices(rate)) low = rate;
    else high = rate;
  }
  return low;
}

const batchingOf = (batch: number, delay: number) => ({
  max_batch_size: batch,
  max_queue_delay_ms: delay,
  max_queue_size: Math.max(64, 4 * batch),
});

async function pointAt(question: Prepared, batch: number, delay: number, perSecond: number): Promise<Point> {
  const { calibration, requests, randomOf, gatewayMs } = question;
  const simulated = await simulate({
    calibration,
    batching: batchingOf(batch, delay),
    load: { perSecond },
    requests,
    random: randomOf(),
    gatewayMs,
  });
  return pointOf(simulated, requests, perSecond);
}

function pointOf(simulated: Simulated, requests: number, perSecond: number): Point {
  const sorted = simulated.latenciesMs.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  const { refused, cpuShare, batchSize, queueMs } = simulated;
  return {
    perSecond,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    refusedShare: refused / requests,
    cpuShare,
    batchSize,
    queueMs,
  };
}

function gatewaysFor({ pod, gateway, edge, gateway_cores }: Calibration, perSecond: number): number {
  if (pod.shared) return 1;
  const cores = (perSecond * (gateway.busy_ms + edge.busy_ms)) / 1000;
  return Math.max(MIN_REPLICAS, Math.ceil(cores / (GATEWAY_SHARE * gateway_cores)));
}

/** Times that requests spend in Envoy and a gateway of their own machine, one after the other at random. */
async function gatewayTimes({ calibration, requests, randomOf }: Question): Promise<() => number> {
  const { pod, gateway, edge, gateway_cores } = calibration;
  if (pod.shared || gateway.busy_ms + edge.busy_ms === 0) return () => 0;
  const random = randomOf();
  const clock = new VirtualClock();
  const process = new Process(new Machine({ cores: gateway_cores, clock, random }));
  const cost = { busyMs: gateway.busy_ms + edge.busy_ms, wakeMs: gateway.wake_ms + edge.wake_ms };
  const meanGapMs = cost.busyMs / (GATEWAY_SHARE * gateway_cores);
  const times: number[] = [];
  const arrive = () => {
    const atMs = clock.monotonicMs();
    process.run(cost, () => times.push(clock.monotonicMs() - atMs));
    clock.after(-Math.log(1 - random()) * meanGapMs, arrive);
  };
  arrive();
  await clock.run(() => times.length === requests);
  return () => times[Math.floor(random() * times.length)] as number;
}

/** As used or as long as at the most that a pod is planned for. */
function targetOf({ cpuShare, queueMs }: Point): Plan['target'] {
  // Where an accelerator is the limit, the use of cores says little.
  if (cpuShare < 0.5) return { cpuPercent: null, queueTimeMs: Math.max(1, Math.ceil(queueMs)) };
  return { cpuPercent: Math.round(100 * cpuShare), queueTimeMs: null };
}
