import { randomBytes } from 'node:crypto';
import type { RolloutActionName } from '@headgate/contracts/admin/api';
import { isActive, type Rollout, type RolloutPolicy } from '@headgate/contracts/rollout';
import { controlOf, modelRouting, type Routing } from '@headgate/contracts/routing';
import { AdminError } from '../api/api-env.ts';
import { acceptable, type RoutingSnapshot } from '../routing/routing-store.ts';
import { tableOf, weightIn } from './table.ts';
import { type Act, failureOf, moveTo, toNext, toPaused, toRolledBack, toStep } from './transitions.ts';

export interface Start {
  readonly model: string;
  readonly version: string;
  readonly policy: RolloutPolicy;
  /** Those of the model in the model repository; undefined when nobody knows: `ready_within_s` then decides. */
  readonly versions: readonly string[] | undefined;
  readonly by: string;
  readonly atMs: number;
}

/**
 * A rollout of which nothing is in force yet. All units go to control first: what an older experiment gave its treatments
 * ends with it.
 *
 * @throws AdminError
 */
export function begun(snapshot: RoutingSnapshot, start: Start): Rollout {
  mustBeGood(snapshot);
  const { routing } = snapshot;
  const { model, version, policy, versions, by, atMs } = start;
  const of = modelRouting(routing, model);
  if (!of) throw new AdminError('not_found', 'The routing table has no such model.');
  const control = controlOf(of.experiment);
  if (control.version === version) {
    throw new AdminError('invalid', `Version ${version} is the control already.`);
  }
  if (versions?.includes(version) === false) {
    const others = versions.length > 0 ? versions.slice(-20).join(', ') : 'none';
    throw new AdminError(
      'invalid',
      `The model repository has no version ${version} of the model, but: ${others}.`,
    );
  }
  const rollout: Rollout = {
    schema: 1,
    id: idOf(model, version, atMs),
    model,
    control: { variant: control.name, version: control.version },
    candidate: { variant: variantOf(routing, start, control.name), version },
    policy,
    started_at_ms: atMs,
    started_by: by,
    state: { kind: 'preparing', since_ms: atMs },
    weight: 0,
    before: { versions: of.versions, experiment: of.experiment },
    written: of.experiment,
    evidence: [],
    transitions: [],
  };
  acceptable(tableOf(rollout, routing));
  return moveTo(rollout, rollout.state, 0, { by, atMs });
}

/** @throws AdminError conflict for a table that somebody broke */
function mustBeGood({ refused }: RoutingSnapshot): void {
  if (refused.length === 0) return;
  throw new AdminError('conflict', `The routing table is refused, correct it first: ${refused.join('; ')}`);
}

/** The name that the version has in the experiment of before; else one made of it. */
function variantOf(routing: Routing, { model, version }: Start, control: string): string {
  const variants = modelRouting(routing, model)?.experiment.variants ?? [];
  const named = variants.find((of) => of.version === version && of.name !== control)?.name;
  const made = `v${version}`.slice(0, 64);
  return named ?? (made === control ? 'candidate' : made);
}

function idOf(model: string, version: string, atMs: number): string {
  const plain = (text: string, length: number) =>
    text
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .slice(0, length);
  const time = new Date(atMs).toISOString().slice(0, 16).replaceAll(/[-T:]/g, '');
  const id = `${plain(model, 28)}-v${plain(version, 12)}-${time}-${randomBytes(2).toString('hex')}`;
  return id.replace(/^-+/, '');
}

export interface Asked extends Act {
  readonly action: RolloutActionName;
  readonly snapshot: RoutingSnapshot;
  /** In words why the candidate cannot take units; null while it can. */
  readonly candidateUnready: string | null;
}

/** What a person asks for. @throws AdminError conflict where the state does not allow it, with what does */
export function acted(rollout: Rollout, asked: Asked): Rollout {
  const { state } = rollout;
  if (!isActive(rollout)) {
    const is = state.kind === 'promoted' ? 'promoted' : 'rolled back';
    throw new AdminError('conflict', `The rollout is ${is}: start another one.`);
  }
  switch (asked.action) {
    case 'rollback':
      return toRolledBack(rollout, asked);
    case 'pause':
      if (state.kind === 'paused') throw new AdminError('conflict', 'The rollout is paused already.');
      return toPaused(rollout, asked);
    case 'resume':
      if (state.kind !== 'paused') throw new AdminError('conflict', 'The rollout is not paused.');
      return resumed(rollout, asked);
    case 'promote':
      return promoted(rollout, asked);
  }
}

function promoted(rollout: Rollout, asked: Asked): Rollout {
  const { state } = rollout;
  const { candidateUnready } = asked;
  if (state.kind === 'paused') throw new AdminError('conflict', 'The rollout is paused: resume it first.');
  if (state.kind === 'preparing' || candidateUnready !== null) {
    throw new AdminError(
      'conflict',
      `The candidate cannot get units: ${candidateUnready ?? 'it is being prepared'}.`,
    );
  }
  const failed = failureOf(rollout);
  if (failed) throw new AdminError('conflict', `The rollout is about to be rolled back: ${failed.detail}.`);
  return toNext(rollout, asked);
}

/** Goes on with the weight that the table has now: in the last step that is not beyond it. */
function resumed(rollout: Rollout, asked: Asked): Rollout {
  const { atMs, snapshot } = asked;
  mustBeGood(snapshot);
  const weight = weightIn(snapshot.routing, rollout);
  if (weight === undefined) {
    throw new AdminError(
      'conflict',
      'The routing table has another experiment now: roll back, and start again.',
    );
  }
  const written = modelRouting(snapshot.routing, rollout.model)?.experiment ?? null;
  const kept = { ...rollout, written };
  if (weight === 0) {
    return moveTo(kept, { kind: 'preparing', since_ms: atMs }, weight, asked);
  }
  const step = Math.max(
    0,
    rollout.policy.steps.findLastIndex((of) => of.weight <= weight),
  );
  return moveTo(kept, toStep(rollout, step, asked).state, weight, asked);
}
