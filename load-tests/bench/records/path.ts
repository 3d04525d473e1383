import { join } from 'node:path';
import { systemClock } from '@headgate/contracts/clock';
import { sketchOf } from '@headgate/contracts/records/testing';
import { openSpool, type Payload, SPOOL_DEFAULTS, type Spool } from '@headgate/contracts/spool/spool';
import { uuidV7 } from '../../../gateway/src/routes/predict/uuid-v7.ts';
import type { SeenPrediction } from '../../../gateway/src/store/recorder.ts';
import { spoolRecorder } from '../../../gateway/src/store/spool-recorder.ts';
import type { Case } from '../micro.ts';

const GIB = 2 ** 30;

/** A spool as the gateway opens it, that reports to nobody. */
export function benchSpool(dir: string): Promise<Spool> {
  return openSpool({
    dir,
    clock: systemClock,
    report: { written: () => undefined, dropped: (_, cause) => fail(cause), damaged: () => undefined },
    limits: { ...SPOOL_DEFAULTS, maxBytes: GIB },
  });
}

function fail(cause: string): never {
  throw new Error(`a record was lost: ${cause}`);
}

/** What the gateway tells its recorder about a photo. */
export function seenPrediction(image: Uint8Array): SeenPrediction {
  return {
    id: uuidV7(Date.now()),
    index: 0,
    atMs: Date.now(),
    keyId: 'bench',
    requestId: 'request-17',
    choice: {
      model: 'efficientnet-lite0',
      version: '1',
      variant: 'fp32',
      assignedVariant: 'fp32',
      experiment: 'fp32-int8',
      unit: 'caller-17',
    },
    outcome: 'ok',
    latencyMs: 43.249,
    top: Array.from({ length: 5 }, (_, i) => ({
      label: 'tiger cat',
      class_id: 281 + i,
      score: 0.387590527 / (i + 1),
    })),
    image,
    sketch: sketchOf(),
  };
}

/** The cost of recording one photo, whole and in its parts. The whole is written to a spool in `dir`. */
export async function pathCases(
  dir: string,
  image: Uint8Array,
): Promise<{ cases: Case[]; close(): Promise<void> }> {
  const spool = await benchSpool(join(dir, 'path'));
  const options = { hashKey: new Uint8Array(32), retentionMs: Number.POSITIVE_INFINITY, wantsSketches: true };
  const seen = seenPrediction(image);
  const recordingInto = (append: (payload: Payload) => void) => {
    const { prediction } = spoolRecorder({ spool: { append, appendDurable: async () => 0 }, ...options });
    return (times: number) => {
      for (let i = 0; i < times; i += 1) prediction(seen);
    };
  };
  const record = recordingInto(spool.append);
  const cases: Case[] = [
    {
      name: '**everything**, written to disk',
      run: async (times) => {
        record(times);
        await spool.flush();
      },
    },
    { name: 'of it while the caller waits: SHA-256 of the photo', run: recordingInto(() => undefined) },
    {
      name: 'of it without the disk: hashes of photo, unit and key, JSON',
      run: recordingInto((payload) => typeof payload === 'function' && payload()),
    },
  ];
  return { cases, close: () => spool.close() };
}
