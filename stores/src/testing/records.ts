import {
  type CopyRun,
  type OutcomeRecord,
  type PredictionRecord,
  RECORD_VERSION,
  type ShadowRecord,
  type SketchRecord,
} from '@headgate/contracts/records';
import { SKETCH_FEATURES } from '@headgate/contracts/sketch';
import { DAY_MS } from '@headgate/runtime/clock';

/** A noon, so that some hours around it are the same day. */
export const NOW_MS = 20_000 * DAY_MS + DAY_MS / 2;

/** The id that a prediction of that time and number has. */
export function idAt(epochMs: number, n = 0): string {
  const time = epochMs.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${String(n).padStart(12, '0')}`;
}

export function sketchOf(changes: Partial<SketchRecord> = {}): SketchRecord {
  return {
    version: 1,
    width: 640,
    height: 480,
    brightness: 0.5,
    contrast: 0.25,
    sharpness: 0.125,
    features: Array.from({ length: SKETCH_FEATURES }, (_, i) => i / 8),
    ...changes,
  };
}

export function predictionOf(changes: Partial<PredictionRecord> = {}): PredictionRecord {
  return {
    type: 'prediction',
    v: RECORD_VERSION,
    id: idAt(NOW_MS),
    index: 0,
    at_ms: NOW_MS,
    tenant: 'a'.repeat(32),
    unit: 'b'.repeat(32),
    model: 'net',
    version: '1',
    variant: 'control',
    assigned_variant: 'control',
    experiment: 'exp',
    outcome: 'ok',
    latency_ms: 12.5,
    label: 'tiger cat',
    class_id: 282,
    score: 0.385,
    image_sha256: 'c'.repeat(64),
    image_bytes: 1000,
    top_class_ids: [282, 285],
    top_scores: [0.385, 0.36],
    sketch: sketchOf(),
    request_id: 'r-1',
    trace_id: 'd'.repeat(32),
    ...changes,
  };
}

export function copyRunOf(changes: Partial<CopyRun> = {}): CopyRun {
  return {
    label: 'tiger cat',
    class_id: 282,
    score: 0.385,
    latency_ms: 20,
    agrees: true,
    score_change: 0,
    ...changes,
  };
}

export function shadowOf(changes: Partial<ShadowRecord> = {}): ShadowRecord {
  return {
    type: 'shadow',
    v: RECORD_VERSION,
    id: idAt(NOW_MS),
    index: 0,
    at_ms: NOW_MS,
    model: 'net',
    version: '1',
    shadow_version: '2',
    outcome: 'ok',
    label: 'tiger cat',
    class_id: 282,
    score: 0.385,
    shadow: copyRunOf({ score: 0.25, latency_ms: 10, score_change: -0.135 }),
    noise: copyRunOf(),
    label_order_differs: false,
    ...changes,
  };
}

export function outcomeOf(changes: Partial<OutcomeRecord> = {}): OutcomeRecord {
  return {
    type: 'outcome',
    v: RECORD_VERSION,
    id: idAt(NOW_MS),
    index: 0,
    at_ms: NOW_MS + 1000,
    tenant: 'a'.repeat(32),
    label: 'tiger cat',
    class_id: null,
    reward: null,
    ...changes,
  };
}
