import type { Config } from '@headgate/contracts/config/schema';
import { METRIC } from '@headgate/contracts/names';
import { type Figures, sumOf } from '../../cluster/scrape.ts';
import { type Check, degraded, down, off, ok } from './check.ts';

/** What gateways say about what they depend on: they reach it from where it matters. */
export const REPORTED_NAMES: ReadonlySet<string> = new Set([
  METRIC.sinkDown,
  METRIC.spoolUndelivered,
  METRIC.quotaMode,
  METRIC.routingStale,
]);

/** Pages of the gateways that were read for this look. */
type Report = () => Promise<Figures>;

const NO_GATEWAY = degraded('unknown, because no gateway answers', 'see what is said of the gateway');

/** Redis, as gateways count quotas with it. */
export function redis(report: Report): Check {
  const remedy = 'check Redis, and that gateways reach it: docs/access.md';
  return {
    name: 'Redis',
    remedy,
    async find() {
      const figures = await report();
      if (figures.size === 0) return NO_GATEWAY;
      const modes = [...figures.values()].flat().filter(({ name }) => name === METRIC.quotaMode);
      if (modes.length === 0) return off('each gateway counts quotas for itself');
      const shared = sumOf(figures, METRIC.quotaMode, { mode: 'shared' });
      if (shared === figures.size) return ok('all gateways count together');
      const mode = modes.find(({ labels, value }) => labels.mode !== 'shared' && value === 1)?.labels.mode;
      return down(`${figures.size - shared} of ${figures.size} gateways go without it: ${mode}`, remedy);
    },
  };
}

/** Where records go, as gateways deliver them. */
export function recordsDelivery({ records }: Config, report: Report): Check {
  const remedy =
    'records wait in the spools and are delivered later: docs/records.md; check the store behind it';
  return {
    name: 'records delivery',
    remedy,
    async find() {
      if (records.sink === 'none') return off('records are not kept');
      const figures = await report();
      if (figures.size === 0) return NO_GATEWAY;
      const waiting = `${sumOf(figures, METRIC.spoolUndelivered)} records wait in the spools`;
      const failing = sumOf(figures, METRIC.sinkDown);
      if (failing === 0) return ok(waiting);
      return down(`${failing} of ${figures.size} gateways cannot deliver; ${waiting}`, remedy);
    },
  };
}

/** Gateways that did not take the newest routing table. */
export async function staleGateways(report: Report): Promise<number> {
  return sumOf(await report(), METRIC.routingStale);
}
