import type { Config } from '@headgate/contracts/config/schema';
import { systemClock } from '@headgate/runtime/clock';
import type { Queryable } from '@headgate/stores/postgres/database';
import type { Scraper } from '../../cluster/scrape.ts';
import type { Scrapes } from '../../cluster/scrapes-of.ts';
import type { RoutingStore } from '../../routing/routing-store.ts';
import type { Check } from './check.ts';
import { clockCheck } from './clock.ts';
import { certificates, diskSpace, modelRepository } from './files.ts';
import { localEnvoy, readyProcesses } from './processes.ts';
import { recordsDelivery, redis, staleGateways } from './reported.ts';
import { database, routingSource } from './stores.ts';

export interface ChecksOptions extends Scrapes {
  readonly root: string;
  readonly routing: Pick<RoutingStore, 'current'>;
  /** Undefined where this process cannot ask it. */
  readonly records: Queryable | undefined;
  readonly audit: Queryable | undefined;
}

/** Everything that Headgate depends on, as control can see it, in the order of the path of a photo. */
export function checksOf(
  config: Config,
  { root, routing, records, audit, gateways, inference }: ChecksOptions,
): readonly Check[] {
  const addressesIn = (scrape: Scraper) => async () => {
    await scrape.round();
    return scrape.addresses();
  };
  const report = async () => {
    await gateways.round();
    return gateways.figures();
  };
  const store = (setting: string) => ({
    where: setting === 'postgres' ? 'PostgreSQL answers' : 'the embedded database answers',
    nowMs: systemClock.monotonicMs,
  });
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
    routingSource(routing, () => staleGateways(report)),
    recordsDelivery(config, report),
    database('records store', records, store(config.records.sink)),
    database('audit store', audit, store(config.audit.store)),
    certificates(config, root, systemClock.epochMs),
    diskSpace(root),
    clockCheck(addressesIn(gateways), systemClock.epochMs),
  ];
}
