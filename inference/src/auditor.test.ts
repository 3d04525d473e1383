import { Metadata, type sendUnaryData, status } from '@grpc/grpc-js';
import { METADATA } from '@headgate/contracts/names';
import { expect, it } from 'vitest';
import { Auditor } from './auditor.ts';

type Callback = sendUnaryData<unknown>;

/** Makes one call with a client certificate; settles with the codes of its answers and of its records, in order. */
async function answersOf(handle: (call: unknown, callback: Callback) => void) {
  const metadata = new Metadata();
  metadata.set(METADATA.clientCertificate, 'Subject="CN=billing"');
  const answers: unknown[] = [];
  const records: unknown[] = [];
  const audit = {
    record: ({ status }: { status: number }) => void records.push(status),
    change: async () => undefined,
  };
  const { ModelReady } = new Auditor({ audit, epochMs: () => 0 }).audited({ ModelReady: handle });
  await new Promise<void>((resolve) => {
    const callback: Callback = (error) => {
      answers.push(error ? error.code : status.OK);
      resolve();
    };
    (ModelReady as unknown as (call: unknown, callback: Callback) => void)(
      { metadata, request: {} },
      callback,
    );
  });
  // What a handler does after its answer comes before the next turn of the event loop.
  await new Promise(setImmediate);
  return { answers, records };
}

it('answers for a handler that throws, and puts it on record', async () => {
  const { answers, records } = await answersOf(() => {
    throw new Error('a defect');
  });
  expect(answers).toEqual([status.INTERNAL]);
  expect(records).toEqual(answers);
});

it('answers once where a handler throws after its answer', async () => {
  const { answers, records } = await answersOf((_, callback) => {
    callback(null, {});
    throw new Error('a defect');
  });
  expect(answers).toEqual([status.OK]);
  expect(records).toEqual(answers);
});
