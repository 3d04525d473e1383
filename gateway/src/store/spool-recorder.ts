import { createHmac, hash } from 'node:crypto';
import {
  type OutcomeRecord,
  type PredictionRecord,
  RECORD_VERSION,
} from '@headgate/contracts/records/schema';
import type { Recorder, SeenOutcome, SeenPrediction } from './recorder.ts';
import type { Spool } from './spool/spool.ts';

export interface SpoolRecorderOptions {
  readonly spool: Pick<Spool, 'append' | 'appendDurable'>;
  /** Whoever has it can tell which records belong to a unit; without it nobody can. */
  readonly hashKey: Uint8Array;
  readonly retentionMs: number;
}

interface ImageFacts {
  readonly sha256: string;
  readonly bytes: number;
}

/** Characters of a keyed hash: 128 bits. */
const HASH_LENGTH = 32;

/** Writes records into the spool. Names of units and keys become keyed hashes, images become digests. */
export function spoolRecorder({ spool, hashKey, retentionMs }: SpoolRecorderOptions): Recorder {
  // The purpose is part of the hash, so that a unit that is named like a key does not look like it.
  const keyed = (purpose: 'tenant' | 'unit', value: string) =>
    createHmac('sha256', hashKey).update(`${purpose}\n${value}`).digest('hex').slice(0, HASH_LENGTH);

  const predictionRecord = (seen: Omit<SeenPrediction, 'image'>, image: ImageFacts): PredictionRecord => ({
    type: 'prediction',
    v: RECORD_VERSION,
    id: seen.id,
    index: seen.index,
    at_ms: seen.atMs,
    tenant: keyed('tenant', seen.keyId),
    unit: keyed('unit', seen.choice.unit ?? seen.keyId),
    model: seen.choice.model,
    version: seen.choice.version,
    variant: seen.choice.variant,
    assigned_variant: seen.choice.assignedVariant,
    experiment: seen.choice.experiment,
    outcome: seen.outcome,
    latency_ms: Math.round(seen.latencyMs * 1000) / 1000,
    label: seen.top?.label ?? null,
    class_id: seen.top?.class_id ?? null,
    score: seen.top?.score ?? null,
    image_sha256: image.sha256,
    image_bytes: image.bytes,
  });

  const outcomeRecord = (seen: SeenOutcome): OutcomeRecord => ({
    type: 'outcome',
    v: RECORD_VERSION,
    id: seen.id,
    index: seen.index,
    at_ms: seen.atMs,
    tenant: keyed('tenant', seen.keyId),
    label: seen.label,
    class_id: seen.classId,
  });

  return {
    retentionMs,
    prediction({ image, ...seen }) {
      // At once: a record that waits must not hold on to the image.
      const facts = { sha256: hash('sha256', image, 'hex'), bytes: image.byteLength };
      spool.append(() => encode(predictionRecord(seen, facts)));
    },
    async outcome(seen) {
      await spool.appendDurable(encode(outcomeRecord(seen)));
    },
  };
}

const encode = (record: PredictionRecord | OutcomeRecord): Uint8Array => Buffer.from(JSON.stringify(record));
