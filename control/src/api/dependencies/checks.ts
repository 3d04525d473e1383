import type { RegistryState } from '@headgate/contracts/admin/api';
import type { Config } from '@headgate/contracts/config/schema';
import { systemClock } from '@headgate/runtime/clock';
import type { Queryable } from '@headgate/stores/postgres/database';
import type { Scraper } from '../../cluster/scrape.ts';
import type { Scrapes } from '../../cluster/scrapes-of.ts';
import type { RoutingStore } from '../../routing/routing-store.ts';
import { atStart } from './at-start.ts';
import type { Check } from './check.ts';
import { clockCheck } from './clock.ts';
import { certificates, diskSpace, modelRepository } from './files.ts';
import { localEnvoy, readyProcesses } from './processes.ts';
import { recordsDelivery, redis, staleGateways } from './reported.ts';
import { database, modelRegistry, routingSource } from './stores.ts';

export interface ChecksOptions extends Scrapes {
  readonly root: string;
  readonly routing: Pick<RoutingStore, 'current'>;
  /** The next three are undefined where this process cannot ask them. */
  readonly records: Queryable | undefined;
  readonly audit: Queryable | undefined;
  readonly registry: (() => RegistryState) | undefined;
}

/** Everything that Headgate depends on, as control can see it, in the order of the path of a photo. */
export function checksOf(
  config: Config,
  { root, routing, records, audit, registry, gateways, inference }: ChecksOptions,
): readonly Check[] {
  const addressesIn = (scrape: Scraper) => async () => {
    await scrape.round();
    return scrape.addresses();
  };
  const report = async () => {
    await gateways.round();
    return gateways.figures();
  };
  // Without control, which opens them, they do not start.
  const opens = (check: Check) => (records || audit ? atStart(check, systemClock.monotonicMs) : check);
  return [
    localEnvoy(config, root),
    readyProcesses('gateway', {
      addresses: addressesIn(gateways),
      remedy: 'look at the logs of the gateway: docs/operations.md',
    }),
    redis(report),
    readyProcesses('inference', {
      addresses: addressesIn(inference),
      remedy: 'look at the logs of inference: docs/operations.md',
    }),
    modelRepository(config, root),
    modelRegistry(registry, config.registry.url),
    routingSource(routing, () => staleGateways(report)),
    opens(recordsDelivery(config, report)),
    opens(database('records store', records, config.records.sink)),
    opens(database('audit store', audit, config.audit.sink === 'none' ? 'none' : config.audit.store)),
    certificates(config, root, systemClock.epochMs),
    diskSpace(root),
    clockCheck(addressesIn(gateways), systemClock.epochMs),
  ];
}
