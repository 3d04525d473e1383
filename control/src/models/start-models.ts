import { setTimeout as pause } from 'node:timers/promises';
import type {
  Approval,
  ModelsView,
  RegistryState,
  Reject,
  Rollback,
  RolledBack,
} from '@headgate/contracts/admin/api';
import type { Config } from '@headgate/contracts/config/schema';
import type { Rollout } from '@headgate/contracts/rollout';
import { systemClock } from '@headgate/runtime/clock';
import type { Logger } from '@headgate/runtime/logger';
import { openRegistry } from '@headgate/runtime/registry/mlflow';
import type { ResilienceReport } from '@headgate/runtime/resilience/report';
import type { Pods } from '../api/live/pods.ts';
import type { Changes } from '../audit/changes.ts';
import type { Scrapes } from '../cluster/scrapes-of.ts';
import { everyRound } from '../every-round.ts';
import type { Control } from '../rollout/start-rollouts.ts';
import { approve, reject } from './approvals.ts';
import { FollowedRegistry } from './followed-registry.ts';
import { Follower } from './follower.ts';
import { modelsView } from './models-view.ts';
import { rollBack } from './rollback.ts';

export interface ModelsSurroundings {
  readonly root: string;
  readonly resilience: ResilienceReport;
  readonly control: Control;
  readonly scrapes: Pick<Scrapes, 'inference'>;
  readonly changes: Changes;
  /** In words which other process acts; null while this one does. */
  readonly follows: () => string | null;
  readonly logger: Logger;
}

/** The life of model versions, from their registration to their end. */
export interface Models {
  /** The registry as it answered last. */
  registry(): RegistryState;
  view(pods: Pick<Pods, 'refresh' | 'ofVersion'>): Promise<ModelsView>;
  approve(model: string, asked: Approval, by: string): Promise<Rollout>;
  reject(model: string, asked: Reject, by: string): Promise<void>;
  rollBack(model: string, asked: Rollback, by: string): Promise<RolledBack>;
  stop(): Promise<void>;
}

/** Follows the registry from now on, where there is one. */
export function startModels(config: Config, around: ModelsSurroundings): Models {
  const { root, resilience, control, changes, logger } = around;
  const { inference } = around.scrapes;
  const registry = openRegistry(config, { root, report: resilience });
  const followed = new FollowedRegistry({ registry, nowMs: systemClock.epochMs, logger });
  const deps = { ...control, followed, inference, changes, staged: config.control.staged };
  const follower = registry && new Follower({ ...around, ...deps, registry });
  const rounds = follower && everyRound(() => follower.round(), config.registry.poll_ms);
  return {
    view: (pods) => modelsView({ ...deps, pods }),
    registry: () => followed.state(),
    approve: (...asked) => approve(deps, ...asked),
    async reject(...asked) {
      await reject(deps, ...asked);
      await followed.read();
    },
    rollBack: (...asked) => rollBack({ ...deps, clock: systemClock, pause }, ...asked),
    stop: async () => rounds?.stop(),
  };
}
