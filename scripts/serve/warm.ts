import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 25;
/** Timeout of one probe: a listener that accepts but does not answer must not delay the others. */
const PROBE_TIMEOUT_MS = 2000;

export interface Probe {
  readonly name: string;
  /** True once it is warm; an error means not yet. */
  check(signal: AbortSignal): Promise<boolean>;
}

/** A probe that asks a URL for status 200. */
export function httpProbe(name: string, url: string): Probe {
  return { name, check: async (signal) => (await fetch(url, { signal })).status === 200 };
}

/**
 * Waits until every probe has been warm once.
 *
 * @throws Error naming what is not warm after `withinMs`, or the signal's reason
 */
export async function waitUntilWarm(
  probes: readonly Probe[],
  { signal, withinMs }: { readonly signal: AbortSignal; readonly withinMs: number },
): Promise<void> {
  const deadline = performance.now() + withinMs;
  const cold = new Set(probes);
  const watch = async (probe: Probe) => {
    while (performance.now() < deadline) {
      if (await isWarm(probe)) {
        cold.delete(probe);
        return;
      }
      await sleep(POLL_MS, undefined, { signal });
    }
  };
  await Promise.all(probes.map(watch));
  if (cold.size === 0) return;
  const names = [...cold].map((probe) => probe.name).join(', ');
  throw new Error(`not ready after ${Math.round(withinMs / 1000)} s: ${names}`);
}

async function isWarm(probe: Probe): Promise<boolean> {
  try {
    return await probe.check(AbortSignal.timeout(PROBE_TIMEOUT_MS));
  } catch {
    return false;
  }
}
