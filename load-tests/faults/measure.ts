import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '@headgate/testkit/eventually';
import { openLoad, type Sample } from '@headgate/testkit/load';
import type { Fault } from './fault.ts';
import type { Outcome, Site } from './site.ts';

/** What was seen of one fault. Times in ms. */
export interface Measured {
  readonly fault: Fault;
  /** From begin to end; about 0 for one that happens once. */
  readonly lastedMs: number;
  readonly requests: number;
  /** How often each outcome was answered that is not 200. */
  readonly failures: Readonly<Record<string, number>>;
  /** From the end of the fault until its part worked again and no request failed any more. */
  readonly recoveredMs: number;
  /** Ids of the predictions that were answered. */
  readonly ids: readonly string[];
  /** Records that the gateway said it lost. */
  readonly dropped: number;
}

/** Open load: the next request does not wait for the one before. */
const REQUEST_EVERY_MS = 40;
/** A retry budget is a share of the calls before: of a load that has just begun, it is spent at once. */
const BEFORE_MS = 5000;
/** A fault is over once nothing has failed for this time. */
const CALM_MS = 1500;
const RECOVERED_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 20;

const failed = ({ result }: Sample<Outcome>) => result.status !== '200';

/**
 * Sends requests before, during and after one fault.
 *
 * @throws Error when its part is not at work again, or requests go on failing, two minutes after its end
 */
export async function measureFault(site: Site, fault: Fault): Promise<Measured> {
  const droppedBefore = await site.dropped();
  const load = openLoad(REQUEST_EVERY_MS, site.ask);
  try {
    await pause(BEFORE_MS);
    const beganMs = performance.now();
    const running = await fault.begin(site);
    if (fault.holdMs > 0) await pause(fault.holdMs);
    await running.end?.();
    const endedMs = performance.now();
    const wait = { withinMs: RECOVERED_WITHIN_MS, everyMs: LOOK_EVERY_MS };
    await eventually(running.recovered, { what: `recovery from ${fault.name}`, ...wait });
    const backMs = performance.now();
    const lastMs = () => Math.max(backMs, ...load.samples.filter(failed).map(({ endMs }) => endMs));
    await eventually(() => performance.now() - lastMs() > CALM_MS, {
      what: `calm after ${fault.name}`,
      ...wait,
    });
    const samples = await load.stop();
    return {
      fault,
      lastedMs: endedMs - beganMs,
      requests: samples.length,
      failures: countOf(samples.filter(failed).map(({ result }) => result.status)),
      recoveredMs: lastMs() - endedMs,
      ids: samples.flatMap(({ result }) => result.id ?? []),
      dropped: (await site.dropped()) - droppedBefore,
    };
  } finally {
    await load.stop();
  }
}

function countOf(all: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of all) counts[one] = (counts[one] ?? 0) + 1;
  return counts;
}
