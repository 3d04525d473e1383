import type { Config } from '@headgate/contracts/config/schema';
import { systemClock } from '@headgate/runtime/clock';
import type { Logger } from '@headgate/runtime/logger';
import type { Registry } from 'prom-client';
import type { Changes } from '../audit/changes.ts';
import { processesOf, type Scrapes } from '../cluster/scrapes-of.ts';
import { everyRound } from '../every-round.ts';
import type { StartedExperiments } from '../experiments/start-experiments.ts';
import { GatewayFigures, type LiveFigures } from '../figures/live-figures.ts';
import type { RoutingStore } from '../routing/routing-store.ts';
import { Enforcer } from './enforcer.ts';
import { Ledger } from './ledger.ts';
import { Measure } from './measure.ts';
import { modelRepository, type ProblemOf, type VersionsOf } from './model-repository.ts';
import type { Places } from './places.ts';
import { type Policies, policiesOf } from './policies.ts';
import { exposeRollouts } from './rollout-metrics.ts';
import { Rollouts } from './rollouts.ts';
import { SlowReports } from './slow-reports.ts';

export interface RolloutSurroundings {
  readonly places: Places;
  readonly scrapes: Pick<Scrapes, 'gateways'>;
  readonly experiments: Pick<StartedExperiments, 'experiments' | 'watch'>;
  readonly changes: Changes;
  readonly logger: Logger;
  readonly registry: Registry;
}

export interface Control {
  readonly routing: RoutingStore;
  readonly figures: LiveFigures;
  readonly rollouts: Rollouts;
  readonly policies: Policies;
  readonly versionsOf: VersionsOf;
  readonly problems: () => Promise<ProblemOf>;
  stop(): Promise<void>;
}

/** What judges and changes weights, each second: the routing table, the figures of the gateways, and the rollouts. */
export function startRollouts(config: Config, around: RolloutSurroundings): Control {
  const { places, scrapes, experiments, changes, logger, registry } = around;
  const { routing } = places;
  const figures = new GatewayFigures({ scrape: scrapes.gateways, nowMs: systemClock.monotonicMs });
  const { versionsOf, problems } = modelRepository(processesOf(config).inference, systemClock.monotonicMs);
  const rollouts = new Rollouts({
    ledger: new Ledger(places.store, systemClock.monotonicMs),
    routing,
    enforcer: new Enforcer(routing),
    measure: new Measure(figures, systemClock.monotonicMs),
    versionsOf,
    reports: new SlowReports(experiments.experiments, systemClock),
    changes,
    clock: systemClock,
    logger,
    follows: places.follows,
  });
  exposeRollouts(registry, rollouts);
  experiments.watch(figures);
  const rounds = everyRound(async () => {
    await figures.round();
    await rollouts.tick();
  });
  return {
    routing,
    figures,
    rollouts,
    policies: policiesOf(config),
    versionsOf,
    problems,
    async stop() {
      await rounds.stop();
      places.release();
    },
  };
}
