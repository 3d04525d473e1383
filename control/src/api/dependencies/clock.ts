import { type Check, degraded, off, ok } from './check.ts';

/** An HTTP date has whole seconds, and an answer takes a part of one. */
const TOLERANCE_MS = 3000;

/** This clock beside those of the gateways, by the dates of their answers. */
export function clockCheck(
  addresses: () => Promise<readonly string[]>,
  nowMs: () => number,
  dateOf: (address: string, signal: AbortSignal) => Promise<number> = dateAt,
): Check {
  const remedy =
    'synchronise the clocks of all nodes (NTP): keys, sessions, records and rollouts count by them';
  return {
    name: 'clock',
    remedy,
    async find(signal) {
      const all = await addresses();
      const dates = await Promise.allSettled(all.map((address) => dateOf(address, signal)));
      const distances = dates.flatMap((date) =>
        date.status === 'fulfilled' && Number.isFinite(date.value) ? [Math.abs(date.value - nowMs())] : [],
      );
      if (distances.length === 0) return off('no gateway answers to compare with');
      const worst = Math.max(...distances);
      if (worst <= TOLERANCE_MS) return ok(`as the gateways' (asked: ${distances.length})`);
      return degraded(`${Math.round(worst / 1000)} s away from a gateway's`, remedy);
    },
  };
}

async function dateAt(address: string, signal: AbortSignal): Promise<number> {
  const { headers } = await fetch(`http://${address}/livez`, { signal });
  return Date.parse(headers.get('date') ?? '');
}
