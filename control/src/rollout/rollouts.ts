import { isDeepStrictEqual } from 'node:util';
import type { RolloutActionName } from '@headgate/contracts/admin/api';
import { isActive, type Rollout, type RolloutPolicy } from '@headgate/contracts/rollout';
import type { Clock } from '@headgate/runtime/clock';
import type { Logger } from '@headgate/runtime/logger';
import { AdminError } from '../api/api-env.ts';
import type { Changes } from '../audit/changes.ts';
import type { SourcedRouting } from '../routing/routing-store.ts';
import { acted, begun } from './actions.ts';
import type { Enforcer } from './enforcer.ts';
import { Held } from './held.ts';
import type { Ledger } from './ledger.ts';
import type { Measure } from './measure.ts';
import type { VersionsOf } from './model-repository.ts';
import type { SlowReports } from './slow-reports.ts';
import { step } from './step.ts';
import { isDone, weightOf } from './table.ts';
import { CONTROL } from './transitions.ts';

export interface RolloutsOptions {
  readonly ledger: Ledger;
  readonly routing: SourcedRouting;
  readonly enforcer: Enforcer;
  readonly measure: Measure;
  readonly versionsOf: VersionsOf;
  readonly reports: SlowReports;
  readonly changes: Changes;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** In words which other process runs the rollouts; null while this one does. */
  readonly follows: () => string | null;
}

export interface StartRequest {
  readonly model: string;
  readonly version: string;
  readonly policy: RolloutPolicy;
}

/** @param isTransition whether this process has just moved the rollout to another state */
type Listener = (rollout: Rollout, isTransition: boolean) => void;

/**
 * Runs rollouts. A change is recorded, saved, and then put into the table, so that a restart between two of these
 * completes it (decision 0098). One thing at a time: a command and the round of the second never meet.
 */
export class Rollouts {
  readonly #options: RolloutsOptions;
  readonly #held: Held;
  readonly #listeners = new Set<Listener>();
  #last: Promise<unknown> = Promise.resolve();
  /** Ids of rollouts that cannot go on, and `STORE`: each is logged once, until it goes on. */
  readonly #failing = new Set<string>();

  constructor(options: RolloutsOptions) {
    this.#options = options;
    this.#held = new Held(options.clock);
  }

  /** Newest first. @throws AdminError store_unavailable */
  list(): Promise<readonly Rollout[]> {
    return this.#options.ledger.list();
  }

  /** @throws AdminError not_found */
  get(id: string): Promise<Rollout> {
    return this.#options.ledger.get(id);
  }

  /** The rollout that may still change the weights of a model. */
  async activeOf(model: string): Promise<Rollout | undefined> {
    return (await this.list()).find((rollout) => rollout.model === model && isActive(rollout));
  }

  /** Calls `listener` with each new state and evidence; the function that comes back ends it. */
  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @throws AdminError */
  async start(request: StartRequest, by: string): Promise<Rollout> {
    // Before its turn: rollbacks do not wait for a repository.
    const versions = await this.#options.versionsOf(request.model);
    return this.#alone(async () => {
      const { routing, clock, changes, ledger } = this.#options;
      this.#mustLead();
      const unread = await this.#refresh();
      if (unread) throw unread.reason;
      const other = await this.activeOf(request.model);
      if (other) {
        throw new AdminError(
          'conflict',
          `The model is in the rollout ${other.id}: wait for its end, or roll it back.`,
        );
      }
      const rollout = begun(routing.current(), { ...request, versions, by, atMs: clock.epochMs() });
      await changes.must('rollout.start', by, detailOf(rollout));
      await ledger.save(rollout);
      this.#show(rollout);
      this.#held.ofMs(rollout);
      await this.#enforce(rollout).catch((error) => this.#failed(rollout.id, error));
      return ledger.get(rollout.id);
    });
  }

  /** @throws AdminError */
  act(id: string, action: RolloutActionName, by: string, why = ''): Promise<Rollout> {
    return this.#alone(async () => {
      const { routing, measure, clock, ledger } = this.#options;
      this.#mustLead();
      // What cannot be read now is no reason not to roll back.
      const unread = await this.#refresh();
      if (unread && action !== 'rollback') throw unread.reason;
      const rollout = await ledger.get(id);
      const candidateUnready = measure.unready(rollout.model, rollout.candidate.version);
      const snapshot = routing.current();
      const asked = { action, by, why, atMs: clock.epochMs(), snapshot, candidateUnready };
      await this.#change(acted(rollout, asked), by);
      return ledger.get(id);
    });
  }

  /** Each second. Never throws: what fails is tried again. */
  tick(): Promise<void> {
    return this.#alone(async () => {
      const { ledger, follows } = this.#options;
      try {
        const isFollower = follows() !== null;
        const unread = await this.#refresh();
        if (unread) this.#failed(STORE, unread.reason);
        else this.#failing.delete(STORE);
        if (isFollower) return;
        const all = await ledger.list();
        this.#held.keepOnly(all.filter(isActive));
        for (const rollout of all)
          await this.#round(rollout).catch((error) => this.#failed(rollout.id, error));
      } catch (error) {
        this.#failed(STORE, error);
      }
    });
  }

  /** Reads the table and the rollouts. @returns why one of them could not be read */
  async #refresh(): Promise<PromiseRejectedResult | undefined> {
    const { routing, ledger } = this.#options;
    const [table, rollouts] = await Promise.allSettled([routing.refresh(), ledger.refresh()]);
    if (rollouts.status === 'fulfilled') for (const rollout of rollouts.value) this.#show(rollout);
    return [table, rollouts].find((result) => result.status === 'rejected');
  }

  async #round(rollout: Rollout): Promise<void> {
    const { routing, measure, reports, clock, ledger, enforcer } = this.#options;
    let latest = rollout;
    if (isActive(rollout)) {
      const slow = () => reports.latest(rollout.model, rollout.id);
      const seen = {
        ...measure.of(rollout, slow),
        editedBy: enforcer.editedBy(rollout),
        weight: weightOf(rollout, routing.current().routing),
      };
      const now = { epochMs: clock.epochMs(), heldMs: this.#held.ofMs(rollout) };
      const next = step(rollout, seen, now);
      const isTransition = next.transitions !== rollout.transitions;
      if (isTransition) return this.#change(next, next.transitions.at(-1)?.by);
      if (!isDeepStrictEqual(next, rollout)) {
        latest = next;
        ledger.keep(next);
        this.#show(next);
      }
    }
    if (!isDone(latest)) await this.#enforce(latest);
    await ledger.saveDue(rollout.id);
    this.#failing.delete(rollout.id);
  }

  /** A rollback goes on where it can be neither recorded nor saved; nothing else does. */
  async #change(next: Rollout, by: string = CONTROL): Promise<void> {
    const { ledger, changes, measure, logger } = this.#options;
    const { id, model, weight, state, evidence, transitions } = next;
    const isResumed = state.kind === 'running' && transitions.at(-2)?.to.kind === 'paused';
    const action = isResumed ? 'rollout.resume' : (`rollout.${VERBS[state.kind]}` as const);
    if (state.kind === 'rolled_back') {
      changes.note(action, by, detailOf(next));
      await ledger.save(next).catch((error) => {
        ledger.keep(next, { isUrgent: true });
        this.#failed(id, error);
      });
    } else {
      await changes.must(action, by, detailOf(next));
      await ledger.save(next);
    }
    logger.info({ rollout: id, model, weight, by, state, evidence }, `rollout: ${state.kind}`);
    this.#show(next, true);
    measure.begin(next);
    this.#held.ofMs(next);
    await this.#enforce(next);
  }

  async #enforce(rollout: Rollout): Promise<void> {
    const { enforcer, ledger } = this.#options;
    const written = await enforcer.enforce(rollout);
    if (written === undefined) return;
    if (!isDeepStrictEqual(written, rollout.written))
      ledger.keep({ ...rollout, written }, { isUrgent: true });
  }

  #show(rollout: Rollout, isTransition = false): void {
    for (const listener of this.#listeners) listener(rollout, isTransition);
  }

  #mustLead(): void {
    const leader = this.#options.follows();
    if (leader !== null) throw new AdminError('not_leader', leader);
  }

  #failed(what: string, err: unknown): void {
    if (!this.#failing.has(what))
      this.#options.logger.error({ err, rollout: what }, 'a rollout cannot go on; it is tried each second');
    this.#failing.add(what);
  }

  #alone<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

const STORE = 'all';

const VERBS = {
  preparing: 'resume',
  running: 'step',
  awaiting_approval: 'wait',
  paused: 'pause',
  rolled_back: 'rollback',
  promoted: 'promote',
} as const;

/** With the reason, and the numbers of the guardrail that failed. */
function detailOf(rollout: Rollout): Record<string, string | number> {
  const { id, model, candidate, weight, state, evidence, transitions } = rollout;
  const failed = evidence.find(({ verdict }) => verdict === 'fail');
  const why = 'why' in state ? state.why : (transitions.at(-1)?.why ?? '');
  return {
    rollout: id,
    model,
    version: candidate.version,
    weight,
    ...('step' in state && { step: state.step }),
    ...(why !== '' && { why: why.slice(0, 500) }),
    ...(failed && {
      guardrail: failed.metric,
      value: failed.value ?? 'none',
      limit: failed.limit ?? 'none',
      samples: failed.samples,
    }),
  };
}
