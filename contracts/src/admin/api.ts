import { z } from 'zod';
import { policySchema, type Rollout, type RolloutPolicy } from '../rollout.ts';
import type { Routing } from '../routing.ts';

export * from './experiments.ts';
/**
 * The admin API of control: JSON under /api/v1 on control's port, for the console, the command line and pipelines.
 * Never on a public listener. Callers show a session cookie and, for changes, its CSRF token; or the internal secret;
 * or an API key of the role admin.
 *
 * GET  /session · POST /session {key} · DELETE /session
 * GET  /events                                       server-sent events: `live` each second, `rollout`, `routing`
 * GET  /live                                         LiveView
 * GET  /routing                                      RoutingView
 * PUT  /routing/:model/weights                       WeightsChange → RoutingView
 * POST /routing/:model/versions                      VersionAdded → RoutingView
 * POST /routing/:model/preview                       {weights} → WeightsPreview
 * GET  /routing/:model/explain?unit= or ?key=         Explanation; `key`: id of an API key whose caller names no unit
 * GET  /rollouts                                     {rollouts: Rollout[]}, newest first
 * POST /rollouts                                     RolloutStart → Rollout
 * GET  /policies                                     PoliciesView
 * GET  /rollouts/:id                                 Rollout
 * POST /rollouts/:id/(promote|pause|resume|rollback) RolloutAction → Rollout
 * GET  /experiments/:model?experiment=&at_ms=&level= ExperimentReport; of a name, or of what was in force at a time
 * GET  /experiments/:model/looks?metric=&experiment=&at_ms=
 *                                                    {looks: Look[]}, oldest first
 * GET  /experiments/:model/csv?experiment=&at_ms=&level=
 *                                                    text/csv
 * GET  /shadow/:model                                ShadowReport
 * PUT  /shadow/:model                                ShadowChange → RoutingView
 * GET  /models                                       ModelsView
 * POST /models/:model/approve                        Approve → Rollout
 * POST /models/:model/reject                         Reject → ModelsView
 * POST /models/:model/rollback                       Rollback → RolledBack
 * GET  /models/:model/sketches?from_ms=&to_ms=&after=&limit=
 *                                                    SketchPage
 * GET  /requests/:id                                 RequestView; by the id of a prediction, of a request, or of a trace
 * GET  /accuracy?model=&from_ms=&to_ms=              {accuracy: AccuracyRow[]}
 * GET  /audit?limit=&before_ms=&from_ms=&who=&action=&request_id=&id=&type=change&after=
 *                                                    AuditPage
 * GET  /dependencies                                 {dependencies: DependencyView[]}
 */
export { API_BASE, CSRF_HEADER } from './http.ts';
export * from './models.ts';
export type * from './records.ts';
export * from './shadow.ts';

/** Header by which the command line says who runs it; believed only beside the internal secret. */
export const OPERATOR_HEADER = 'x-headgate-operator';

/** Reason of a refusal → HTTP status. Bodies are RFC 9457 problems with the members `reason` and `detail`. */
export const ADMIN_REASONS = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  /** What was to be changed has changed since it was read, or does not allow it in its state. */
  conflict: 409,
  too_large: 413,
  /** Another process leads: the same request over another connection may reach it. */
  not_leader: 421,
  too_many: 429,
  internal: 500,
  /** The store of records, the source of the routing table, or the model registry does not answer. */
  store_unavailable: 503,
} as const;
export type AdminReason = keyof typeof ADMIN_REASONS;

export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly reason: AdminReason;
  readonly detail: string;
}

export const sessionStartSchema = z.strictObject({ key: z.string().min(1).max(256) });

export interface Session {
  /** Id of the admin key. */
  readonly key_id: string;
  readonly csrf: string;
  readonly expires_at_ms: number;
}

// --- What is live -------------------------------------------------------------------------------------------------

export interface LiveView {
  readonly at_ms: number;
  readonly default_model: string;
  readonly routing: RoutingSourceView;
  /** Whether the figures below are of the last 5 s, from every gateway. */
  readonly fresh: boolean;
  readonly gateways: readonly PodView[];
  readonly models: readonly LiveModel[];
}

/** One version of the routing table. */
export interface RoutingVersionView {
  readonly revision: string;
  readonly changed_at_ms: number | null;
  /** Who wrote it: `control`, or whom the source names, such as `user:alice`. */
  readonly changed_by: string | null;
}

/** The newest version, whose revision a change has to name. */
export interface RoutingSourceView extends RoutingVersionView {
  readonly source: 'file' | 'config_map';
  /** Why the newest version is refused; empty while it is in force. */
  readonly refused: readonly string[];
  /** The last version that was not refused. */
  readonly in_force: RoutingVersionView;
}

export interface PodView {
  readonly address: string;
  readonly ready: boolean;
}

export interface LiveModel {
  readonly model: string;
  readonly experiment: string;
  readonly variants: readonly LiveVariant[];
  readonly versions: readonly VersionView[];
  /** Id of the rollout in progress. */
  readonly rollout: string | null;
}

export interface VersionView {
  readonly version: string;
  readonly pods: readonly PodView[];
}

export interface LiveVariant {
  readonly name: string;
  readonly version: string;
  readonly role: 'control' | 'treatment';
  /** Target share in percent. */
  readonly weight: number;
  readonly ready: boolean;
  /** Of the last `window_s` seconds; null without fresh figures. */
  readonly figures: VariantFigures | null;
  /** Share of the units of the experiment, in percent, with its 95 % interval; null where the store has none. */
  readonly observed: {
    readonly share: number;
    readonly low: number;
    readonly high: number;
    readonly units: number;
  } | null;
}

export interface VariantFigures {
  readonly window_s: number;
  readonly requests: number;
  readonly errors: number;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly p99_ms: number | null;
}

// --- Routing ------------------------------------------------------------------------------------------------------

export interface RoutingView extends RoutingSourceView {
  readonly routing: Routing;
}

const weightsSchema = z.record(z.string(), z.number().min(0).max(100));

export const weightsChangeSchema = z.strictObject({
  /** Revision that the caller has seen. */
  revision: z.string(),
  /** Percent by variant; all variants, summing to 100. */
  weights: weightsSchema,
});
export type WeightsChange = z.infer<typeof weightsChangeSchema>;

export const versionAddedSchema = z.strictObject({
  /** Of the table that was read: a newer one is a conflict. */
  revision: z.string(),
  version: z.string(),
  /** Percent of all units, which the control variant gives; 0: the version is loaded, and nobody gets it. */
  weight: z.number().min(0).max(100),
});
export type VersionAdded = z.infer<typeof versionAddedSchema>;

export const weightsPreviewSchema = z.strictObject({ weights: weightsSchema });

export interface WeightsPreview {
  /** Problems of the weights; empty when they can be written. */
  readonly issues: readonly string[];
  /** Who moves: share of all units in percent, and that share of the units seen in the last 24 hours; null: unknown. */
  readonly moves: readonly {
    readonly from: string;
    readonly to: string;
    readonly share: number;
    readonly units: number | null;
  }[];
}

export interface Explanation {
  readonly model: string;
  readonly experiment: string;
  readonly salt: string;
  /** In [0, 10000), and the range that the assigned variant owns, its end excluded. */
  readonly bucket: number;
  readonly range: readonly [number, number];
  /** Where the unit comes from. */
  readonly rule: 'unit header' | 'api key';
  readonly assigned: { readonly variant: string; readonly version: string };
  /** Differs from `assigned` while that version is not ready. */
  readonly served: { readonly variant: string; readonly version: string };
  /** The reasons in words, in order. */
  readonly why: readonly string[];
}

// --- Rollouts -----------------------------------------------------------------------------------------------------

export const rolloutStartSchema = z.strictObject({
  model: z.string().min(1),
  /** Version that is rolled out. */
  version: z.string().min(1),
  /** Name of a policy of the configuration; absent: `default`. */
  policy: z.union([z.string().min(1), policySchema]).optional(),
});
export type RolloutStart = z.input<typeof rolloutStartSchema>;

export const ROLLOUT_ACTIONS = ['promote', 'pause', 'resume', 'rollback'] as const;
export type RolloutActionName = (typeof ROLLOUT_ACTIONS)[number];

export const rolloutActionSchema = z.strictObject({
  /** In words, for the timeline and the audit log. */
  why: z.string().max(500).optional(),
});

export type RolloutView = Rollout;

/** Policies of the configuration, by name; `default` is always among them. */
export interface PoliciesView {
  readonly policies: Readonly<Record<string, RolloutPolicy>>;
}
