import type { Agreement, ShadowReport, ShadowResult } from '@headgate/contracts/admin/api';
import { controlOf, type ModelRouting, type Shadow } from '@headgate/contracts/routing';
import { DAY_MS } from '@headgate/runtime/clock';
import type { Queryable } from '@headgate/stores/postgres/database';
import { type ShadowPair, type ShadowSums, shadowSums } from '@headgate/stores/records/shadows';
import { wilsonInterval } from '../statistics/binomial-interval.ts';
import { rateSequence } from '../statistics/rare-rates.ts';

/** Older comparisons were made with other traffic. */
const WINDOW_MS = 7 * DAY_MS;
/** Chance that a shadow which only has noise is said to differ at one look or more, as long as no comparison is too old. */
const ALPHA = 0.05;

export interface ShadowReportOptions {
  readonly db: Queryable;
  readonly model: string;
  readonly revision: string;
  /** Of the model, as the table of this revision has it. */
  readonly routing: ModelRouting;
  readonly nowMs: number;
}

/**
 * How shadows compare with the present control in the last seven days: those of the routing table, and others that have
 * comparisons.
 */
export async function shadowReport(options: ShadowReportOptions): Promise<ShadowReport> {
  const { db, model, revision, routing, nowMs } = options;
  const { version } = controlOf(routing.experiment);
  const { sums, pairs } = await shadowSums(db, { model, version, fromMs: nowMs - WINDOW_MS });
  const configured = new Map((routing.shadows ?? []).map((shadow) => [shadow.version, shadow]));
  const names = new Set([...configured.keys(), ...sums.map(({ shadow_version }) => shadow_version)]);
  const shadows = [...names].map((name) =>
    resultOf(configured.get(name) ?? { version: name, sample: 0 }, {
      isControl: name === version,
      sums: sums.find(({ shadow_version }) => shadow_version === name),
      pairs: pairs.filter(({ shadow_version }) => shadow_version === name),
    }),
  );
  return { model, at_ms: nowMs, revision, control_version: version, shadows };
}

interface Found {
  /** The table still has it as a shadow, and nothing is copied to it. */
  readonly isControl: boolean;
  readonly sums: ShadowSums | undefined;
  readonly pairs: readonly ShadowPair[];
}

function resultOf(shadow: Shadow, { isControl, sums, pairs }: Found): ShadowResult {
  // Versions without a common name say nothing of each other's answers.
  const hasNames = !(sums?.label_order_differs && sums.agreed === 0);
  const agreement = sums && hasNames ? agreementOf(sums.agreed, sums.compared) : null;
  const noise = sums ? agreementOf(sums.noise_agreed, sums.noise_compared) : null;
  return {
    ...shadow,
    since_ms: sums?.since.getTime() ?? null,
    compared: sums?.compared ?? 0,
    dropped: sums?.dropped ?? 0,
    failed: sums?.failed ?? 0,
    sentence: sentenceOf(shadow, { isControl, sums, agreement, noise }),
    agreement,
    noise,
    score_drift: driftOf(sums),
    confusion: pairs.map(({ control, shadow, count }) => ({ control, shadow, count })),
    latency: latencyOf(sums),
    label_order_differs: sums?.label_order_differs ?? false,
  };
}

function agreementOf(agreed: number, compared: number): Agreement | null {
  const interval = wilsonInterval(agreed, compared);
  return interval ? { value: agreed / compared, ...interval, compared } : null;
}

function driftOf(sums: ShadowSums | undefined): ShadowResult['score_drift'] {
  const { score_change: mean, absolute_change: absolute, noise_absolute_change } = sums ?? {};
  if (typeof mean !== 'number' || typeof absolute !== 'number') return null;
  return { mean, absolute, noise_absolute: noise_absolute_change ?? null };
}

function latencyOf(sums: ShadowSums | undefined): ShadowResult['latency'] {
  const [controlP50, controlP95] = sums?.control_latency ?? [];
  const [shadowP50, shadowP95] = sums?.shadow_latency ?? [];
  if (controlP50 === undefined || controlP95 === undefined) return null;
  if (shadowP50 === undefined || shadowP95 === undefined) return null;
  return { control_p50: controlP50, control_p95: controlP95, shadow_p50: shadowP50, shadow_p95: shadowP95 };
}

interface Said extends Pick<Found, 'isControl' | 'sums'> {
  readonly agreement: Agreement | null;
  readonly noise: Agreement | null;
}

/** The result in plain words. */
function sentenceOf({ version, sample }: Shadow, { isControl, sums, agreement, noise }: Said): string {
  if (isControl) return `Version ${version} is the control now, so nothing is copied to it: end this shadow.`;
  if (!sums)
    return `Version ${version} has not been compared yet: gateways copy ${sample} % of the requests to it.`;
  if (sums.compared === 0) {
    return `Version ${version} has not been compared yet. Copies dropped: ${sums.dropped}, failed: ${sums.failed}.`;
  }
  if (!agreement) {
    return `Version ${version} and the control have no label in common, so their answers cannot be compared.`;
  }
  const same = `Version ${version} gives the same first label as the control for ${inPercent(agreement)} of ${agreement.compared} images`;
  const order = sums.label_order_differs
    ? ' The two versions number or name their labels differently; labels are compared by name.'
    : '';
  if (!noise) return `${same}; the control was not compared with itself.${order}`;
  return `${same}; the control agrees with itself on ${inPercent(noise)}. ${verdictOf(version, sums)}${order}`;
}

/**
 * Images on which both copies agree, or both differ, say nothing of the versions. Of the others, noise alone would let
 * the shadow be the one that differs in half of them.
 */
function verdictOf(version: string, sums: ShadowSums): string {
  const { only_shadow_differs: shadow, only_noise_differs: noise } = sums;
  if (shadow + noise === 0) return 'No difference beyond noise was seen.';
  const { low } = rateSequence({ failures: shadow, requests: shadow + noise }, ALPHA);
  return low > 0.5
    ? `Noise does not explain the difference: version ${version} answers differently.`
    : 'Noise may explain the difference.';
}

/** As few digits as tell it from 100 %. */
const inPercent = ({ value }: Agreement) =>
  `${(100 * value).toFixed(value > 0.99 && value < 1 ? 2 : 1).replace(/\.0$/, '')} %`;
