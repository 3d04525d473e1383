import type { DependencyView } from '@headgate/contracts/admin/api';
import type { TimerClock } from '@headgate/runtime/clock';
import { type Check, down, type Finding } from './check.ts';

/** However many ask: a page that is open, `headgate status`, a probe of a user's own. */
const MAX_AGE_MS = 5000;
const DEADLINE_MS = 2000;

export interface DependenciesOptions {
  readonly checks: readonly Check[];
  readonly clock: TimerClock;
}

/** Checks all dependencies at once, at most every five seconds. */
export class Dependencies {
  readonly #options: DependenciesOptions;
  #checkedAtMs = Number.NEGATIVE_INFINITY;
  #found: Promise<readonly DependencyView[]> = Promise.resolve([]);

  constructor(options: DependenciesOptions) {
    this.#options = options;
  }

  /** In the order of the checks. */
  all(): Promise<readonly DependencyView[]> {
    const { checks, clock } = this.#options;
    if (clock.monotonicMs() - this.#checkedAtMs >= MAX_AGE_MS) {
      this.#checkedAtMs = clock.monotonicMs();
      this.#found = Promise.all(checks.map((check) => this.#view(check)));
    }
    return this.#found;
  }

  async #view(check: Check): Promise<DependencyView> {
    const { clock } = this.#options;
    const finding = await findWithin(check, clock).catch((error: Error) =>
      down(messageOf(error), check.remedy),
    );
    return { name: check.name, ...finding, checked_at_ms: clock.epochMs() };
  }
}

/** A check that is late is down; its signal ends what it waits for. */
async function findWithin({ find, remedy, late }: Check, clock: TimerClock): Promise<Finding> {
  const over = new AbortController();
  const timeout = Promise.withResolvers<Finding>();
  const cancel = clock.after(DEADLINE_MS, () => {
    over.abort();
    timeout.resolve(late?.() ?? down(`no answer within ${DEADLINE_MS / 1000} s`, remedy));
  });
  try {
    return await Promise.race([find(over.signal), timeout.promise]);
  } finally {
    cancel();
  }
}

/** Messages of fetch say only that it failed; its cause has the code of the system. */
function messageOf({ message, cause }: Error): string {
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  return code === undefined ? message : `does not answer (${code})`;
}
