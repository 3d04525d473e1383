import type { LiveView, RoutingView } from '@headgate/contracts/admin/api';
import { policySchema, type Rollout, type Transition } from '@headgate/contracts/rollout';

const VERSION = {
  revision: 'r1',
  changed_at_ms: Date.parse('2029-12-31T00:00:00Z'),
  changed_by: 'user:alice',
};

/** What control says of a model with two versions; tests change what they are about. */
export const LIVE: LiveView = {
  at_ms: Date.parse('2030-01-01T00:00:00Z'),
  default_model: 'digits',
  routing: { ...VERSION, source: 'file', refused: [], in_force: VERSION },
  fresh: true,
  gateways: [{ address: '127.0.0.1:8442', ready: true }],
  models: [
    {
      model: 'digits',
      experiment: 'a-or-b',
      rollout: null,
      versions: [
        { version: '1', pods: [{ address: 'a', ready: true }] },
        { version: '2', pods: [{ address: 'a', ready: true }] },
      ],
      variants: [
        {
          name: 'a',
          version: '1',
          role: 'control',
          weight: 90,
          ready: true,
          figures: { window_s: 60, requests: 900, errors: 3, p50_ms: 40.4, p95_ms: 90.6, p99_ms: 120 },
          observed: { share: 89.5, low: 87.1, high: 91.4, units: 895 },
        },
        {
          name: 'b',
          version: '2',
          role: 'treatment',
          weight: 10,
          ready: true,
          figures: null,
          observed: null,
        },
      ],
    },
  ],
};

export const ROUTING: RoutingView = {
  ...LIVE.routing,
  routing: {
    schema: 1,
    default_model: 'digits',
    models: {
      digits: {
        versions: ['1', '2'],
        experiment: {
          name: 'a-or-b',
          salt: 's',
          variants: [
            { name: 'a', version: '1', weight: 90 },
            { name: 'b', version: '2', weight: 10 },
          ],
        },
        shadows: [],
      },
    },
  },
};

export const POLICY = policySchema.parse({
  steps: [{ weight: 10 }, { weight: 50 }],
  guardrails: [{ metric: 'error_rate' }],
});

/** A rollout after these transitions. */
export function rolloutAt(transitions: readonly Transition[], changes: Partial<Rollout> = {}): Rollout {
  const last = transitions.at(-1) as Transition;
  return {
    schema: 1,
    id: 'digits-2',
    model: 'digits',
    control: { variant: 'a', version: '1' },
    candidate: { variant: 'b', version: '2' },
    policy: POLICY,
    started_at_ms: transitions[0]?.at_ms ?? 0,
    started_by: 'user:alice',
    state: last.to,
    weight: last.weight,
    written: null,
    evidence: last.evidence.slice(),
    transitions: transitions.slice(),
    ...changes,
  };
}
