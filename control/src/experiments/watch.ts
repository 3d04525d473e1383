import type { Logger } from '@headgate/runtime/logger';
import type { LiveFigures } from '../figures/live-figures.ts';
import type { RoutingStore } from '../routing/routing-store.ts';
import type { Experiments } from './experiments.ts';

export interface WatchOptions {
  readonly experiments: Pick<Experiments, 'look' | 'thin'>;
  readonly routing: Pick<RoutingStore, 'current'>;
  readonly figures: Pick<LiveFigures, 'window'>;
  /** Else each replica would keep a look a minute. */
  readonly isLeader: () => boolean;
  readonly logger: Pick<Logger, 'warn' | 'info'>;
}

const LOOK_EVERY_MS = 60_000;
const THIN_EVERY_MS = 3_600_000;

/**
 * Looks at each experiment with traffic once a minute while this process leads, so that its intervals are there over time.
 * A model without traffic opens no embedded database.
 */
export function watchExperiments(options: WatchOptions): { stop(): void } {
  const { experiments, logger } = options;
  let thinnedMs = performance.now();
  let failing = false;
  let stopped = false;

  const look = async () => {
    if (!options.isLeader()) return;
    const busy = busyModels(options);
    for (const model of busy) await experiments.look(model);
    if (busy.length === 0 || performance.now() - thinnedMs < THIN_EVERY_MS) return;
    thinnedMs = performance.now();
    await experiments.thin();
  };

  const round = () =>
    look().then(
      () => {
        if (failing) logger.info('experiments are evaluated again');
        failing = false;
      },
      (err: unknown) => {
        if (!failing && !stopped) logger.warn({ err }, 'experiments cannot be evaluated');
        failing = true;
      },
    );
  let isLooking = false;
  const timer = setInterval(async () => {
    if (isLooking) return;
    isLooking = true;
    await round();
    isLooking = false;
  }, LOOK_EVERY_MS);
  return {
    /** A look may take a minute: it is not waited for, and its store may close under it. */
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}

/** Models that answered a request in the last minute. */
function busyModels({ routing, figures }: WatchOptions): string[] {
  return Object.entries(routing.current().routing.models).flatMap(([model, { experiment }]) =>
    experiment.variants.some(
      ({ name, version }) =>
        (figures.window({ model, version, variant: name }, LOOK_EVERY_MS)?.requests ?? 0) > 0,
    )
      ? model
      : [],
  );
}
