import { z } from 'zod';
import { MAX_SHADOWS, shadowSchema } from '../routing.ts';

export const shadowChangeSchema = z.strictObject({
  revision: z.string(),
  /** Empty ends the comparison. */
  shadows: z.array(shadowSchema).max(MAX_SHADOWS),
});
export type ShadowChange = z.infer<typeof shadowChangeSchema>;

export interface ShadowReport {
  readonly model: string;
  readonly at_ms: number;
  /** Of the routing table that it was made with; a change of the shadows names it. */
  readonly revision: string;
  readonly control_version: string;
  readonly shadows: readonly ShadowResult[];
}

export interface ShadowResult {
  readonly version: string;
  /** Percent; 0 when it is not compared any more. */
  readonly sample: number;
  readonly since_ms: number | null;
  readonly compared: number;
  readonly dropped: number;
  readonly failed: number;
  readonly sentence: string;
  /** Share of equal first labels with its 95 % interval, and the same of control against itself. */
  readonly agreement: Agreement | null;
  readonly noise: Agreement | null;
  /** Mean and mean absolute difference of the score of control's first label, shadow minus control. */
  readonly score_drift: {
    readonly mean: number;
    readonly absolute: number;
    readonly noise_absolute: number | null;
  } | null;
  /** Pairs of different first labels, most frequent first. */
  readonly confusion: readonly {
    readonly control: string;
    readonly shadow: string;
    readonly count: number;
  }[];
  /** In ms, of the same images. */
  readonly latency: {
    readonly control_p50: number;
    readonly control_p95: number;
    readonly shadow_p50: number;
    readonly shadow_p95: number;
  } | null;
  /** True when the versions name or order their labels differently: agreement is then by name. */
  readonly label_order_differs: boolean;
}

export interface Agreement {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly compared: number;
}
