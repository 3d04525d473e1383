import type { Config } from '@headgate/contracts/config/schema';
import { systemClock } from '@headgate/runtime/clock';
import type { Queryable } from '@headgate/stores/postgres/database';
import { scrapesOf } from '../../cluster/scrapes-of.ts';
import type { RoutingStore } from '../../routing/routing-store.ts';
import type { Check } from './check.ts';
import { clockCheck } from './clock.ts';
import { certificates, diskSpace, modelRepository } from './files.ts';
import { localEnvoy, readyProcesses } from './processes.ts';
import { REPORTED_NAMES, recordsDelivery, redis, staleGateways } from './reported.ts';
import { database, routingSource } from './stores.ts';

export interface ChecksOptions {
  readonly root: string;
  readonly routing: Pick<RoutingStore, 'current'>;
  /** Undefined where control has none of it. */
  readonly records: Queryable | undefined;
  readonly audit: Queryable | undefined;
}

/** Everything that Headgate depends on, as control can see it, in the order of the path of a photo. */
export function checksOf(config: Config, { root, routing, records, audit }: ChecksOptions): readonly Check[] {
  const { gateways, inference } = scrapesOf(config, REPORTED_NAMES);
  // All checks of one look share one round.
  const reading = sharedRound(() => gateways.round());
  const addresses = async () => {
    await reading();
    return gateways.addresses();
  };
  const report = async () => {
    await reading();
    return gateways.figures();
  };
  const inferenceAddresses = async () => {
    await inference.round();
    return inference.addresses();
  };
  const where = (setting: string) =>
    setting === 'postgres' ? 'PostgreSQL answers' : 'the embedded database answers';
  return [
    localEnvoy(config, root),
    readyProcesses('gateway', { addresses, remedy: 'look at the logs of the gateway: docs/operations.md' }),
    redis(report),
    readyProcesses('inference', {
      addresses: inferenceAddresses,
      remedy: 'look at the logs of inference: docs/operations.md',
    }),
    modelRepository(config, root),
    routingSource(routing, () => staleGateways(report)),
    recordsDelivery(config, report),
    database('records store', records, where(config.records.sink)),
    database('audit store', audit, where(config.audit.store)),
    certificates(config, root, systemClock.epochMs),
    diskSpace(root),
    clockCheck(addresses, systemClock.epochMs),
  ];
}

/** Calls that come while one runs share it. */
function sharedRound(round: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= round().finally(() => {
      running = undefined;
    });
    return running;
  };
}
