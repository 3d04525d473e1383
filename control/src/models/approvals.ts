import type { Approval, Reject } from '@headgate/contracts/admin/api';
import { TAG } from '@headgate/contracts/registry';
import type { Rollout } from '@headgate/contracts/rollout';
import { AdminError } from '../api/api-env.ts';
import type { Changes } from '../audit/changes.ts';
import { type Policies, policyFor } from '../rollout/policies.ts';
import type { Rollouts } from '../rollout/rollouts.ts';
import type { RoutingStore } from '../routing/routing-store.ts';
import { knownModel } from '../routing/weights.ts';
import { contentDiffers, contentOf, type InferenceFigures } from './content.ts';
import type { FollowedRegistry } from './followed-registry.ts';
import { isComplete } from './registry.ts';
import { controlVersion } from './tables.ts';

export interface ApprovalDeps {
  readonly followed: Pick<FollowedRegistry, 'forChange'>;
  readonly routing: Pick<RoutingStore, 'current'>;
  readonly rollouts: Pick<Rollouts, 'start' | 'activeOf'>;
  readonly inference: InferenceFigures;
  readonly policies: Policies;
  readonly changes: Changes;
  /** Setting `control.staged`. */
  readonly staged: 'load' | 'serve';
}

/**
 * Starts the rollout of the candidate.
 *
 * @throws AdminError conflict for a version that is not the candidate, is not ready, or is served with another content, or
 * while another rollout is in progress
 */
export async function approve(
  { followed, rollouts, inference, policies, changes }: ApprovalDeps,
  name: string,
  { version, policy, why }: Approval,
  by: string,
): Promise<Rollout> {
  const { model } = await followed.forChange(name);
  const { candidate } = model.aliases;
  if (candidate !== version) {
    const is = candidate === undefined ? 'no version is' : `version ${candidate} is`;
    throw new AdminError(
      'conflict',
      `Version ${version} is not the candidate, ${is}: a version that passes the tests of staging gets the alias.`,
    );
  }
  const registered = model.versions.find((one) => one.version === version);
  if (!registered || !isComplete(registered)) {
    throw new AdminError('conflict', `Version ${version} is not complete: register it again.`);
  }
  await inference.round();
  const content = contentOf(inference.figures(), name, registered);
  if (content === 'other') throw new AdminError('conflict', contentDiffers(version));
  if (content === 'unknown') {
    const detail = `No inference process has version ${version} ready yet: try again once it is loaded.`;
    throw new AdminError('conflict', detail);
  }
  const rollout = await rollouts.start({ model: name, version, policy: policyFor(policy, policies) }, by);
  changes.note('model.approve', by, { model: name, version, rollout: rollout.id, ...(why && { why }) });
  return rollout;
}

/** Takes the aliases `candidate` and `staging` from a version, and notes why. @throws AdminError */
export async function reject(
  { followed, routing, rollouts, changes, staged }: ApprovalDeps,
  name: string,
  { version, why }: Reject,
  by: string,
): Promise<void> {
  const { registry, model } = await followed.forChange(name);
  if (!model.versions.some((one) => one.version === version)) {
    throw new AdminError('not_found', `The registry has no version ${version} of the model.`);
  }
  // Where it is served because it is staged, the champion takes its place.
  const isControl = controlVersion(knownModel(routing.current().routing, name)) === version;
  if (isControl && staged === 'load') {
    throw new AdminError('conflict', `Version ${version} is the control: roll it back instead.`);
  }
  const active = await rollouts.activeOf(name);
  if (active?.candidate.version === version) {
    throw new AdminError(
      'conflict',
      `Version ${version} is in the rollout ${active.id}: roll it back instead.`,
    );
  }
  await changes.must('model.reject', by, { model: name, version, why });
  for (const alias of ['candidate', 'staging'] as const) {
    if (model.aliases[alias] === version) await registry.deleteAlias(name, alias);
  }
  await registry.setTag(name, version, TAG.rejected, why);
}
