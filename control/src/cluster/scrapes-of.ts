import type { Config } from '@headgate/contracts/config/schema';
import { internalAddress, portOf } from '@headgate/contracts/names';
import { systemClock } from '@headgate/runtime/clock';
import { parseTarget, resolveTarget } from '@headgate/runtime/target';
import { REPORTED_NAMES } from '../api/dependencies/reported.ts';
import { FIGURE_NAMES } from '../figures/live-figures.ts';
import { CONTENT_NAMES } from '../models/content.ts';
import { POOL_NAMES } from './pool.ts';
import { QUEUE_NAMES } from './queue-time.ts';
import { createScrape } from './scrape.ts';

/** Asks for the internal ports, as `host:port`, of the processes that the configuration names. */
export function processesOf({ envoy, gateway, listen }: Config) {
  const at = (target: string, setting: string, listener: 'gatewayInternal' | 'inferenceInternal') => {
    const places = parseTarget(target || internalAddress(listen, listener), setting);
    const port = portOf(listen.port_base, listener);
    return () => resolveTarget(places.map(({ host }) => ({ host, port })));
  };
  const gateways = at(envoy.gateway_target, 'envoy.gateway_target', 'gatewayInternal');
  // Its name has no address most of the time.
  const { gateway_canary_target: canary } = envoy;
  const canaries = canary ? at(canary, 'envoy.gateway_canary_target', 'gatewayInternal') : async () => [];
  return {
    gateways: async () => [...(await gateways()), ...(await canaries().catch(() => []))],
    inference: at(gateway.upstream.target, 'gateway.upstream.target', 'inferenceInternal'),
  };
}

/** What any part of control reads. */
const NAMES: ReadonlySet<string> = new Set([
  ...FIGURE_NAMES,
  ...CONTENT_NAMES,
  ...REPORTED_NAMES,
  ...POOL_NAMES,
  ...QUEUE_NAMES,
]);

export type Scrapes = ReturnType<typeof scrapesOf>;

/** Reads the gateways and the inference processes of the configuration, once for all parts of control. */
export function scrapesOf(config: Config) {
  const { gateways, inference } = processesOf(config);
  const shared = { fetch, names: NAMES, nowMs: systemClock.monotonicMs };
  return {
    gateways: createScrape({ ...shared, resolve: gateways }),
    inference: createScrape({ ...shared, resolve: inference }),
  };
}
