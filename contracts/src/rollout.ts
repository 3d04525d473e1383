import { z } from 'zod';
import { experimentSchema, percentFrom } from './routing.ts';

export { hadUnits, isActive, sampleOf } from './rollout-active.ts';

/**
 * A rollout is data: a policy, the state that it is in, and the transitions that led there, each with its evidence.
 * control/src/rollout runs it; the console and the command line show it.
 */

/** Approvals by which a step ends: a person promotes it, or it goes on by itself. Rollback is always automatic. */
export const APPROVALS = ['manual', 'automatic'] as const;

const weight = percentFrom(0.01);

const stepSchema = z.strictObject({
  /** Share of the units that the candidate gets, in percent. */
  weight,
  /** Shortest time that the step lasts, in seconds. */
  hold_s: z.number().int().min(0).max(604_800).default(60),
  /** The step lasts until the candidate answered so many requests in it. */
  min_samples: z.number().int().min(1).max(1_000_000).default(100),
  approval: z.enum(APPROVALS).default('automatic'),
});

/**
 * What ends a rollout. `max` is an absolute limit, `max_increase` one against the control group of the same time.
 * Rates are in [0, 1], latencies in ms. Fast ones read counters each second; slow ones read records by unit.
 */
export const guardrailSchema = z.discriminatedUnion('metric', [
  z.strictObject({
    metric: z.literal('error_rate'),
    max: z.number().min(0).max(1).default(0.05),
    /** Also fails with a significant increase over control beyond it. */
    max_increase: z.number().min(0).max(1).default(0.01),
  }),
  z.strictObject({
    metric: z.enum(['p95_ms', 'p99_ms']),
    max: z.number().min(1).optional(),
    /** Ratio to control: 1.5 allows half more. */
    max_ratio: z.number().min(1).default(1.5),
  }),
  z.strictObject({ metric: z.literal('srm') }),
  z.strictObject({
    metric: z.literal('accuracy'),
    /** Fails once the accuracy by feedback is significantly lower than that of control by more than it. */
    max_drop: z.number().min(0).max(1).default(0.01),
  }),
  z.strictObject({
    metric: z.literal('reward'),
    /** Fails once the mean reward is significantly lower than that of control by more than it. */
    max_drop: z.number().min(0).default(0),
  }),
]);

export const policySchema = z
  .strictObject({
    steps: z.array(stepSchema).min(1).max(20),
    /** A rollout without a guardrail would promote anything. */
    guardrails: z.array(guardrailSchema).min(1).max(10),
    /** A candidate whose version is not ready everywhere within that time, in seconds, ends the rollout. */
    ready_within_s: z.number().int().min(1).max(86_400).default(600),
  })
  .superRefine(({ steps, guardrails }, ctx) => {
    if (new Set(guardrails.map(({ metric }) => metric)).size !== guardrails.length) {
      ctx.addIssue({ code: 'custom', path: ['guardrails'], message: 'expected each metric once' });
    }
    steps.forEach(({ weight: of }, index) => {
      if (index === 0 || of > (steps[index - 1]?.weight ?? 0)) return;
      ctx.addIssue({
        code: 'custom',
        path: ['steps', index, 'weight'],
        message: 'expected a larger weight than that of the step before',
      });
    });
  });

export type RolloutStep = z.infer<typeof stepSchema>;
export type Guardrail = z.infer<typeof guardrailSchema>;
export type GuardrailMetric = Guardrail['metric'];
export type RolloutPolicy = z.infer<typeof policySchema>;

/** What a guardrail measured. `no_data` never promotes; `error`: the measurement itself failed. */
export const VERDICTS = ['pass', 'fail', 'no_data', 'error'] as const;

const evidenceSchema = z.strictObject({
  metric: z.string(),
  verdict: z.enum(VERDICTS),
  /** Measured for the candidate; null where there is nothing to measure. */
  value: z.number().nullable(),
  /** That of the control group at the same time. */
  control: z.number().nullable(),
  limit: z.number().nullable(),
  /** Requests, or units for slow guardrails, that the value is of. */
  samples: z.number().int().min(0),
  /** The rule in words, with numbers. */
  detail: z.string(),
});
export type Evidence = z.infer<typeof evidenceSchema>;
export type EvidenceVerdict = Evidence['verdict'];

const at = { since_ms: z.int() };
const step = z.int().min(0);

export const rolloutStateSchema = z.discriminatedUnion('kind', [
  /** The candidate's version is being loaded; its weight is 0. `waits_for` says in words which gateways miss it. */
  z.strictObject({ kind: z.literal('preparing'), ...at, waits_for: z.string().optional() }),
  /** `step` is in force. `waits_for` says in words what it waits for. */
  z.strictObject({ kind: z.literal('running'), step, ...at, waits_for: z.string() }),
  /** All conditions of the step hold; a person has to promote. */
  z.strictObject({ kind: z.literal('awaiting_approval'), step, ...at }),
  /** Weights stay as they are. Guardrails still roll back. `why`: empty where a person gave no reason. */
  z.strictObject({ kind: z.literal('paused'), step, ...at, by: z.string(), why: z.string() }),
  /** All units went to control. `why`: the guardrail that failed, or as above. */
  z.strictObject({ kind: z.literal('rolled_back'), ...at, by: z.string(), why: z.string() }),
  /** The candidate is the control now. */
  z.strictObject({ kind: z.literal('promoted'), ...at, by: z.string() }),
]);
export type RolloutState = z.infer<typeof rolloutStateSchema>;

const transitionSchema = z.strictObject({
  at_ms: z.int(),
  /** State that it led to, and the weight of the candidate in it. */
  to: rolloutStateSchema,
  weight: z.number(),
  /** `control` for what the controller did by itself, else who asked, such as `key:k3f9` or `user:alice`. */
  by: z.string(),
  /** Reason that a person gave for a state without `why`. */
  why: z.string().optional(),
  evidence: z.array(evidenceSchema),
});
export type Transition = z.infer<typeof transitionSchema>;

export const rolloutSchema = z.strictObject({
  schema: z.literal(1),
  /** Also name and salt of its experiment: units are dealt again, and no older evidence counts. */
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
  model: z.string(),
  /** Variants of the routing table. */
  control: z.strictObject({ variant: z.string(), version: z.string() }),
  candidate: z.strictObject({ variant: z.string(), version: z.string() }),
  policy: policySchema,
  started_at_ms: z.int(),
  started_by: z.string(),
  state: rolloutStateSchema,
  /** Weight of the candidate that the state asks for. */
  weight: z.number(),
  /** What the routing table said of the model at the start; in force again when the candidate never got units. */
  before: z.strictObject({ versions: z.array(z.string()), experiment: experimentSchema }).optional(),
  /**
   * The model's experiment as control last wrote or accepted it: any other one is an edit by hand. Null from a rollback
   * until the table has it: that write goes over edits.
   */
  written: experimentSchema.nullable(),
  /** Latest measurement of each guardrail. A failure is never overwritten. */
  evidence: z.array(evidenceSchema),
  /** Oldest first; bounded. */
  transitions: z.array(transitionSchema),
});
export type Rollout = z.infer<typeof rolloutSchema>;
