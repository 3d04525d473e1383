import { HeadgateError } from '@headgate/contracts/errors';
import { describe, expect, it } from 'vitest';
import { doStep, type JsonCall } from '../routes/v2/json-work.ts';
import type { Body } from '../routes/v2/read-tensors.ts';
import { deadlineIn } from '../testing/calls.ts';
import { corpus } from '../testing/corpus.ts';
import { createJsonThread } from './json-thread.ts';

const MUCH = 2 ** 20;
const call = (changes: Partial<JsonCall> = {}): JsonCall => ({
  bytes: MUCH,
  caller: 'a',
  deadline: deadlineIn(20_000),
  ...changes,
});
const bodyOf = (text: string): Body => ({
  bytes: new TextEncoder().encode(text),
  headerLength: undefined,
  maxJsonBytes: MUCH,
});
const GOOD = bodyOf('{"id":"1","inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[1,2]}]}');
/** A thread that runs this text. */
const threadOf = (text: string) => new URL(`data:text/javascript,${encodeURIComponent(text)}`);
const onMessage = (text: string) =>
  threadOf(`import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => { ${text} });`);

describe('a thread for JSON', () => {
  it('reads and refuses everything as the calling thread does', async () => {
    const work = createJsonThread();
    for (const { name, body, headerLength } of corpus()) {
      const input = { bytes: body, headerLength, maxJsonBytes: MUCH };
      const here = outcomeOf(() => doStep('read', input));
      const there = await work('read', input, call()).catch(plain);
      expect([name, there]).toEqual([name, here]);
    }
  });

  it('encodes answers as the calling thread does, and leaves what it was given', async () => {
    const response = {
      model_name: 'net',
      model_version: '1',
      id: '',
      parameters: {},
      outputs: ['json', 'raw'].map((name) => ({
        name,
        datatype: 'INT64',
        shape: [2],
        parameters: {},
        contents: null,
      })),
      raw_output_contents: [Buffer.alloc(16, 255), Buffer.alloc(16, 1)],
    };
    const binary = { chosen: new Map([['raw', true]]), byDefault: false };
    const input = { response, id: 'x', parameters: { variant: 'a' }, binary };
    const there = await createJsonThread()('encode', input, call());
    expect(there).toEqual(doStep('encode', input));
    expect(response.raw_output_contents[0]).toHaveLength(16);
  });

  it('is not asked for little', async () => {
    const work = createJsonThread(onMessage('process.exit(1)'));
    expect(await work('read', GOOD, call({ bytes: 100 }))).toMatchObject({ id: '1' });
  });

  it('fails the step during which it ends, and only that one', async () => {
    const work = createJsonThread(onMessage("throw new Error('broken')"));
    for (const _ of [1, 2]) {
      const failed = await work('read', GOOD, call()).catch((error: unknown) => error);
      expect(failed).toMatchObject({ reason: 'internal', cause: { message: 'broken' } });
    }
    const leaving = createJsonThread(onMessage('process.exit(0)'));
    await expect(leaving('read', GOOD, call())).rejects.toMatchObject({ reason: 'internal' });
  });

  it('holds no step whose deadline passes, running or waiting', async () => {
    const work = createJsonThread(onMessage(''));
    const deadlines = [deadlineIn(20_000), deadlineIn(20_000)];
    const steps = deadlines.map((deadline) => work('read', GOOD, call({ deadline })));
    const over = new HeadgateError('cancelled', 'The client closed the connection.');
    for (const deadline of deadlines.toReversed()) deadline.end(over);
    for (const step of steps) await expect(step).rejects.toBe(over);
    await expect(work('read', GOOD, call({ deadline: deadlines[0] as JsonCall['deadline'] }))).rejects.toBe(
      over,
    );
  });
});

function outcomeOf(step: () => unknown): unknown {
  try {
    return step();
  } catch (thrown) {
    return plain(thrown);
  }
}

const plain = (thrown: unknown) => {
  const { reason, detail } = thrown as HeadgateError;
  return { reason, detail };
};
