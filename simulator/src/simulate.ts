import type { HeadgateError } from '@headgate/contracts/errors';
import { type batchingSchema, batchingSchema as schema } from '@headgate/contracts/manifest';
import { admissionPolicyOf } from '@headgate/inference/admission';
import { Dispatcher } from '@headgate/inference/dispatch';
import type { ItemResult } from '@headgate/inference/item';
import { policiesOf } from '@headgate/inference/policies';
import type { z } from 'zod';
import { type Calibration, runTimes } from './calibration.ts';
import { type EngineTimes, SimulatedEngine } from './engine.ts';
import { Machine, Process } from './machine.ts';
import { VirtualClock } from './virtual-clock.ts';

/**
 * Callers that come on their own, at a mean rate (a Poisson process) or at these times, in ms; or so many that wait for
 * each answer.
 */
export type Load =
  | { readonly perSecond: number }
  | { readonly arrivalsMs: readonly number[] }
  | { readonly callers: number };

export interface Scenario {
  readonly calibration: Calibration;
  /** As in the manifest. */
  readonly batching?: z.input<typeof batchingSchema>;
  readonly load: Load;
  /** Budget of each request, in ms. */
  readonly deadlineMs?: number;
  /** Requests that are measured; a fifth of them before those is not, or all of `arrivalsMs` but these. */
  readonly requests?: number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Time of the gateway added to each request, where it has a machine of its own, in ms. */
  readonly gatewayMs?: () => number;
}

export interface Simulated {
  /** Of each answer, as the client sees it, in ms. */
  readonly latenciesMs: readonly number[];
  /** Answers per second. */
  readonly perSecond: number;
  /** Requests refused for lack of room, or too late. */
  readonly refused: number;
  /** Of the cores of the pod, in [0, 1]. */
  readonly cpuShare: number;
  /** Items of a batch, mean. */
  readonly batchSize: number;
  /** Wait in the queue without the decode, mean, in ms. */
  readonly queueMs: number;
}

const WARM_SHARE = 0.2;
/** Deadline of a client that names none. */
const DEADLINE_MS = 30_000;

/**
 * One inference pod under load, event by event in virtual time. Queueing, batching and admission are the dispatcher that
 * inference runs; decodes, runs and the other processes take the measured times on shared cores.
 */
export async function simulate(scenario: Scenario): Promise<Simulated> {
  const { calibration, load, requests = 4000, deadlineMs = DEADLINE_MS, random } = scenario;
  const clock = new VirtualClock();
  const pod = createPod(scenario, clock);
  const warm = 'arrivalsMs' in load ? load.arrivalsMs.length - requests : Math.ceil(requests * WARM_SHARE);
  const latenciesMs: number[] = [];
  let [sent, ended, refused, beganMs, busyMs] = [0, 0, 0, 0, 0];

  const send = (then: () => void) => {
    const number = sent++;
    const sentMs = clock.monotonicMs();
    if (number === warm) [beganMs, busyMs] = [sentMs, pod.machine.busyMs];
    pod.predict(deadlineMs, (outcome) => {
      ended += 1;
      if (number >= warm && outcome === 'ok') latenciesMs.push(clock.monotonicMs() - sentMs);
      if (number >= warm && outcome !== 'ok') refused += 1;
      then();
    });
  };
  if ('callers' in load) {
    const again = () => {
      if (sent < warm + requests) send(again);
    };
    for (let caller = 0; caller < load.callers; caller += 1) clock.after(random(), again);
  } else if ('arrivalsMs' in load) {
    for (const atMs of load.arrivalsMs) clock.after(atMs, () => send(() => undefined));
  } else {
    const arrive = () => {
      send(() => undefined);
      if (sent < warm + requests) clock.after((-Math.log(1 - random()) * 1000) / load.perSecond, arrive);
    };
    arrive();
  }
  await clock.run(() => ended === warm + requests);

  const tookMs = clock.monotonicMs() - beganMs;
  const cpuShare = (pod.machine.busyMs - busyMs) / (tookMs * calibration.pod.cores);
  const perSecond = (latenciesMs.length * 1000) / tookMs;
  return { latenciesMs, perSecond, refused, cpuShare, ...pod.means() };
}

type Outcome = 'ok' | 'refused' | 'expired';

function createPod({ calibration, batching = {}, gatewayMs, random }: Scenario, clock: VirtualClock) {
  const { pod, run_spread, decode_ms, wire_ms } = calibration;
  const machine = new Machine({ cores: pod.cores, clock, random });
  // A unit of work may be any time, but estimates divide by it.
  const work = Math.max(mean(decode_ms), 0.1);
  const anyOf = (values: readonly number[]) => values[Math.floor(random() * values.length)] as number;
  let [batches, items] = [0, 0];
  const observer = {
    batchStarted: ({ members }: { members: readonly unknown[] }) => {
      batches += 1;
      items += members.length;
      return () => undefined;
    },
  };
  const admission = admissionPolicyOf({ admission: ADMISSION });
  const policies = policiesOf({ batching: schema.parse(batching) });
  const dispatcher = new Dispatcher({ ...policies, admission, clock, observer });
  const meanRunMs = runTimes(calibration);
  const times: EngineTimes = {
    decodeMs: () => anyOf(decode_ms),
    runMs: (size) => meanRunMs(size) * anyOf(run_spread),
    decodeThreads: pod.decode_threads,
    runThreads: pod.run_threads,
  };
  const sizes = [1, 2, 4, 8, 16, 32, 64].filter((size) => size <= policies.batch.maxBatchSize);
  const warmUp = new Map(sizes.map((size) => [size, meanRunMs(size)]));
  for (let engine = 0; engine < pod.engines; engine += 1) {
    dispatcher.attach(new SimulatedEngine(times, machine, clock), warmUp);
  }
  const way = createWay(calibration, machine);
  let [answers, queuedMs] = [0, 0];
  const infer = async (deadlineMs: number, then: (outcome: Outcome) => void) => {
    const outcome = await ask(dispatcher, clock.monotonicMs(), deadlineMs, work);
    if (typeof outcome !== 'string') [answers, queuedMs] = [answers + 1, queuedMs + outcome.queueMs];
    then(typeof outcome === 'string' ? outcome : 'ok');
  };
  const predict = (deadlineMs: number, then: (outcome: Outcome) => void) => {
    clock.after(wire_ms + (gatewayMs?.() ?? 0), () => {
      way.there(() => void infer(deadlineMs, (outcome) => way.back(() => then(outcome))));
    });
  };
  const means = () => ({ batchSize: items / Math.max(1, batches), queueMs: queuedMs / Math.max(1, answers) });
  return { machine, predict, means };
}

/** Shares of a process's work for an answer that it does before it sends the photo on; the rest comes with the answer. */
const THERE = { client: 0.6, edge: 0.6, gateway: 0.7, front: 0.6 };

/** Client, Envoy and gateway where they share the cores, and the front of inference. */
function createWay({ client, edge, gateway, front, after_share, pod }: Calibration, machine: Machine) {
  const shared = pod.shared ? ({ client, edge, gateway } as const) : {};
  const costs = Object.entries({ ...shared, front }) as [keyof typeof THERE, Calibration['front']][];
  const stages = costs.map(([name, { busy_ms, wake_ms }]) => {
    const process = new Process(machine, { threads: name === 'edge' ? 2 : 1 });
    const there = THERE[name] * (1 - after_share);
    return {
      process,
      there: { busyMs: busy_ms * there, wakeMs: wake_ms * there },
      back: {
        busyMs: busy_ms * (1 - there),
        wakeMs: wake_ms * (1 - there),
        afterShare: after_share / (1 - there),
      },
    };
  });
  const through = (list: typeof stages, direction: 'there' | 'back', done: () => void): void => {
    const [stage, ...rest] = list;
    if (stage === undefined) done();
    else stage.process.run(stage[direction], () => through(rest, direction, done));
  };
  return {
    there: (done: () => void) => through(stages, 'there', done),
    back: (done: () => void) => through(stages.toReversed(), 'back', done),
  };
}

const ADMISSION = { answer_reserve_ms: 20, adaptive_limit: { enabled: true } };

async function ask(
  dispatcher: Dispatcher,
  nowMs: number,
  remainingMs: number,
  work: number,
): Promise<ItemResult | Exclude<Outcome, 'ok'>> {
  try {
    dispatcher.admit({ count: 1, work, remainingMs, level: 1, share: '' });
    return await dispatcher.submit({
      payload: NO_PAYLOAD,
      cost: { work, memoryBytes: 0 },
      level: 1,
      deadlineAtMs: nowMs + remainingMs,
      queueTimeoutMs: Number.POSITIVE_INFINITY,
      signal: NEVER,
      span: undefined,
    });
  } catch (error) {
    return (error as HeadgateError).reason === 'deadline_exceeded' ? 'expired' : 'refused';
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const NO_PAYLOAD = new Uint8Array();
const NEVER = new AbortController().signal;
