import { z } from 'zod';
import type { SketchRecord } from '../records.ts';
import { policySchema } from '../rollout.ts';

const why = z.string().max(500);
const version = z.string().min(1).max(64);

export const approveSchema = z.strictObject({
  version,
  /** Of the rollout: name of a policy of the configuration, or a policy; absent: `default`. */
  policy: z.union([z.string().min(1), policySchema]).optional(),
  /** In words, for the audit log. */
  why: why.optional(),
});
export type Approve = z.input<typeof approveSchema>;
export type Approval = z.output<typeof approveSchema>;

export const rejectSchema = z.strictObject({ version, why: why.min(1) });
export type Reject = z.infer<typeof rejectSchema>;

export const rollbackSchema = z.strictObject({
  /** Version that gets all units; absent: the control before the last promotion. */
  to: version.optional(),
  why: why.optional(),
});
export type Rollback = z.infer<typeof rollbackSchema>;

export interface RolledBack {
  readonly from: string;
  readonly to: string;
  /** From the request until the routing table had it. */
  readonly took_ms: number;
}

/** The models of the routing table with their versions, served ones and those of the registry. */
export interface ModelsView {
  readonly registry: RegistryState;
  readonly models: readonly ModelView[];
}

export interface RegistryState {
  /** `none`: the configuration names no registry. */
  readonly state: 'none' | 'ok' | 'unreachable';
  /** In words what failed and what to do; empty when nothing did. */
  readonly detail: string;
  /** Of the last answer, which is what is shown; null before the first one. */
  readonly checked_at_ms: number | null;
}

export interface ModelView {
  readonly model: string;
  /** The control before the last promotion; null where no rollout on record led to the control. */
  readonly rollback_to: string | null;
  /** Newest first. */
  readonly versions: readonly ModelVersionView[];
}

/** Names that the specification uses; the tag `headgate.stage` has them. */
export const STAGES = ['None', 'Staging', 'Production', 'Archived'] as const;
export type Stage = (typeof STAGES)[number];

export interface ModelVersionView {
  readonly version: string;
  /** Null for a version of the models folder alone, which no registry knows. */
  readonly created_at_ms: number | null;
  /** False while its registration has not ended, or ended half-way: nothing serves it. */
  readonly complete: boolean;
  /** True while inference serves another content under this number than the registered one. */
  readonly content_differs: boolean;
  readonly aliases: readonly string[];
  readonly stage: Stage;
  /** Why it was rejected; null for a version that was not. */
  readonly rejected: string | null;
  /** Of its run: `accuracy`, `macro_f1`, `ece`, … */
  readonly metrics: Readonly<Record<string, number>>;
  readonly data_version: string | null;
  readonly run_id: string | null;
  /** What the routing table does with it; null: it is not loaded. */
  readonly role: 'control' | 'treatment' | 'loaded' | null;
  readonly ready_pods: number;
  readonly pods: number;
  /** In the words of inference why a pod does not serve it as it is in the repository; null while none says so. */
  readonly problem: string | null;
  /** Of its newest rollout: who started it, and its id. */
  readonly approved_by: string | null;
  readonly rollout: string | null;
}

/** One answered image: what the model saw and said of it. */
export interface SketchRow {
  readonly at_ms: number;
  readonly id: string;
  readonly index: number;
  readonly version: string;
  readonly image_sha256: string | null;
  readonly class_id: number | null;
  readonly score: number | null;
  readonly label: string | null;
  readonly sketch: SketchRecord;
}

export interface SketchPage {
  /** Oldest first. */
  readonly rows: readonly SketchRow[];
  /** `after` of the next page; null after the last one. */
  readonly next: string | null;
}
