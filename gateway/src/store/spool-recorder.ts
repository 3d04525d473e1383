import { hash } from 'node:crypto';
import {
  type OutcomeRecord,
  type PredictionRecord,
  RECORD_VERSION,
  type ShadowRecord,
  type SketchRecord,
  timeOfPrediction,
} from '@headgate/contracts/records';
import type { Sketch } from '@headgate/contracts/sketch';
import type { Spool } from '@headgate/journal/spool/spool';
import { keyedHash } from '@headgate/runtime/keyed-hash';
import { captureDay } from '@headgate/stores/capture/store';
import type { Capture } from '../capture/capture.ts';
import type { Recorder, SeenClass, SeenPrediction } from './recorder.ts';

export interface SpoolRecorderOptions {
  readonly spool: Pick<Spool, 'append' | 'appendDurable'>;
  /** Only with this key can the records of a unit be found. */
  readonly hashKey: Uint8Array;
  readonly retentionMs: number;
  readonly wantsSketches: boolean;
  /** Absent where no image is kept. */
  readonly capture?: Capture | undefined;
}

type Settled = Omit<SeenPrediction, 'image'>;

interface ImageFacts {
  readonly sha256: string;
  readonly bytes: number;
}

/** Writes records into the spool. Names of units and keys become keyed hashes, images become digests. */
export function spoolRecorder(options: SpoolRecorderOptions): Recorder {
  const { spool, hashKey, retentionMs, wantsSketches, capture } = options;
  const tenantOf = (keyId: string) => keyedHash(hashKey, 'tenant', keyId);
  const unitOf = ({ choice, keyId }: Settled) => keyedHash(hashKey, 'unit', choice.unit ?? keyId);
  return {
    retentionMs,
    wantsSketches,
    prediction({ image, ...seen }) {
      // At once: a record that waits must not hold on to the image.
      const facts = image && { sha256: hash('sha256', image, 'hex'), bytes: image.byteLength };
      spool.append(() =>
        encode(predictionRecord(seen, facts, { tenant: tenantOf(seen.keyId), unit: unitOf(seen) })),
      );
      if (!image || !facts || seen.outcome !== 'ok') return;
      if (!capture?.wants(seen.choice.model, seen.requestId)) return;
      const day = captureDay(timeOfPrediction(seen.id));
      capture.keep({ day, unit: unitOf(seen), sha256: facts.sha256 }, image);
    },
    shadow: (seen) => void spool.append(() => encode({ type: 'shadow', v: RECORD_VERSION, ...seen })),
    async outcome({ id, index, atMs, keyId, label, classId, reward }) {
      await spool.appendDurable(
        encode({
          type: 'outcome',
          v: RECORD_VERSION,
          id,
          index,
          at_ms: atMs,
          tenant: tenantOf(keyId),
          label,
          class_id: classId,
          reward,
        }),
      );
    },
  };
}

function predictionRecord(
  seen: Settled,
  image: ImageFacts | null,
  names: Pick<PredictionRecord, 'tenant' | 'unit'>,
): PredictionRecord {
  const { choice, top } = seen;
  return {
    type: 'prediction',
    v: RECORD_VERSION,
    id: seen.id,
    index: seen.index,
    at_ms: seen.atMs,
    ...names,
    model: choice.model,
    version: choice.version,
    variant: choice.variant,
    assigned_variant: choice.assignedVariant,
    experiment: choice.experiment,
    outcome: seen.outcome,
    latency_ms: Math.round(seen.latencyMs * 1000) / 1000,
    label: top[0]?.label ?? null,
    class_id: top[0]?.class_id ?? null,
    score: top[0]?.score ?? null,
    top_class_ids: valuesOf(top, 'class_id'),
    top_scores: valuesOf(top, 'score')?.map(rounded) ?? null,
    image_sha256: image?.sha256 ?? null,
    image_bytes: image?.bytes ?? null,
    sketch: seen.sketch ? sketchRecord(seen.sketch) : null,
    request_id: seen.requestId,
    trace_id: seen.traceId,
  };
}

/** One value of every class; null where one of them lacks it, or is no number: JSON has no NaN. */
function valuesOf(top: readonly SeenClass[], name: 'class_id' | 'score'): number[] | null {
  const values = top.flatMap(({ [name]: value }) => (value !== null && Number.isFinite(value) ? value : []));
  return values.length === 0 || values.length < top.length ? null : values;
}

/** Four decimals: 8-bit pixels say no more, and each digit is a byte of every record. */
const rounded = (value: number) => Math.round(value * 1e4) / 1e4;

function sketchRecord({ features, brightness, contrast, sharpness, ...rest }: Sketch): SketchRecord {
  return {
    ...rest,
    brightness: rounded(brightness),
    contrast: rounded(contrast),
    // Small for most photos.
    sharpness: Number(sharpness.toPrecision(4)),
    features: features.map(rounded),
  };
}

const encode = (record: PredictionRecord | OutcomeRecord | ShadowRecord): Uint8Array =>
  Buffer.from(JSON.stringify(record));
