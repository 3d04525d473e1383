import type { Config } from '@headgate/contracts/config/schema';
import { policySchema, type RolloutPolicy } from '@headgate/contracts/rollout';
import { AdminError } from '../api/api-env.ts';

/** In force where the configuration has no policy of this name. */
const DEFAULT: RolloutPolicy = policySchema.parse({
  steps: [
    { weight: 1, hold_s: 60, min_samples: 20 },
    { weight: 10, hold_s: 300, min_samples: 100 },
    { weight: 50, hold_s: 300, min_samples: 500 },
    { weight: 100, hold_s: 300, min_samples: 500 },
  ],
  guardrails: [{ metric: 'error_rate' }, { metric: 'p95_ms' }, { metric: 'srm' }, { metric: 'accuracy' }],
});

const MAX_STEPS = 20;

export type Policies = Readonly<Record<string, RolloutPolicy>>;

export function policiesOf({ control }: Pick<Config, 'control'>): Policies {
  return { default: DEFAULT, ...control.rollout_policies };
}

/**
 * The policy that a start names or brings along, with a last step of 100 %: all units get the candidate for a while before it
 * becomes the control, because some failures show only then.
 *
 * @throws AdminError invalid
 */
export function policyFor(asked: string | RolloutPolicy | undefined, policies: Policies): RolloutPolicy {
  const policy = typeof asked === 'object' ? asked : named(asked ?? 'default', policies);
  const { steps } = policy;
  const last = steps.at(-1);
  if (!last || last.weight === 100) return policy;
  if (steps.length === MAX_STEPS) {
    throw new AdminError('invalid', `A policy with ${MAX_STEPS} steps ends with one of 100 %.`);
  }
  return { ...policy, steps: [...steps, { ...last, weight: 100, approval: 'automatic' }] };
}

function named(name: string, policies: Policies): RolloutPolicy {
  const policy = Object.hasOwn(policies, name) ? policies[name] : undefined;
  if (policy) return policy;
  const known = Object.keys(policies).join(', ');
  throw new AdminError('invalid', `There is no policy of this name; the configuration has: ${known}.`);
}
