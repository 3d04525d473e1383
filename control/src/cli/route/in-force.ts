import type { PodView, WeightsChange } from '@headgate/contracts/admin/api';
import { METRIC } from '@headgate/contracts/names';
import { samplesOf } from '@headgate/runtime/exposition';
import type { Surroundings } from '../surroundings.ts';

/** Gateways by whether they use the weights, as `host:port`. */
export interface InForce {
  readonly in_force: readonly string[];
  readonly lacking: readonly string[];
  readonly unasked: readonly string[];
}

/** A file is followed within a second, a ConfigMap within two. */
const WITHIN_MS = 10_000;
const EVERY_MS = 200;
const ANSWER_WITHIN_MS = 1000;
const WEIGHT = new Set([METRIC.routingWeight]);

interface Wanted {
  readonly model: string;
  readonly weights: WeightsChange['weights'];
}

/** Reads the weights from the gateways themselves until all of them use these, at most ten seconds. */
export async function awaitInForce(
  gateways: readonly PodView[],
  wanted: Wanted,
  around: Surroundings,
): Promise<InForce> {
  const end = around.nowMs() + WITHIN_MS;
  for (;;) {
    const found = await Promise.all(
      gateways.map(async ({ address }) => ({ address, uses: await uses(address, wanted, around) })),
    );
    const those = (state: boolean | undefined) =>
      found.filter((one) => one.uses === state).map(({ address }) => address);
    const result = { in_force: those(true), lacking: those(false), unasked: those(undefined) };
    if (result.in_force.length === gateways.length || around.nowMs() >= end) return result;
    await around.sleep(EVERY_MS);
  }
}

/** Undefined when the gateway does not answer. */
async function uses(
  address: string,
  { model, weights }: Wanted,
  { fetch }: Surroundings,
): Promise<boolean | undefined> {
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const answer = await fetch(`http://${address}/metrics`, { signal, redirect: 'error' });
    if (!answer.ok) return undefined;
    const samples = samplesOf(await answer.text(), WEIGHT).filter(({ labels }) => labels.model === model);
    return Object.entries(weights).every(([name, weight]) =>
      samples.some(({ labels, value }) => labels.variant === name && value === weight),
    );
  } catch {
    return undefined;
  }
}
