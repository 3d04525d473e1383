import { Client, compressionAlgorithms, credentials, type ServiceError } from '@grpc/grpc-js';
import { loadInference } from '@headgate/runtime/proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bytesField,
  INPUT,
  nestedGroups,
  nestedMessages,
  REQUEST,
  varint,
  varintField,
} from './testing/protobuf.ts';
import { type RunningInference, runInference } from './testing/running-inference.ts';
import { echoOf } from './testing/tensor-models.ts';

let running: RunningInference;

beforeAll(async () => {
  running = await runInference(['1'], {}, ({ addTensorModel }) => addTensorModel('small', echoOf('INT8')));
  await running.started();
}, 60_000);
afterAll(() => running.stop());

/** Sends bytes as they are. @returns the status; undefined when it was answered */
function send(...parts: Buffer[]): Promise<ServiceError | undefined> {
  return sendBy(running.client, Buffer.concat(parts));
}

function sendBy(client: Client, bytes: Buffer): Promise<ServiceError | undefined> {
  const same = (message: Buffer) => message;
  const method = '/inference.GRPCInferenceService/ModelInfer';
  return new Promise((resolve) => {
    client.makeUnaryRequest(method, same, same, bytes, (error) => resolve(error ?? undefined));
  });
}

function status(): Promise<string> {
  return new Promise((resolve, reject) =>
    running.health.Check({ service: '' }, (error, answer) =>
      answer ? resolve(answer.status) : reject(error),
    ),
  );
}

const name = bytesField(REQUEST.modelName, 'small');
const input = (...fields: Buffer[]) =>
  bytesField(
    REQUEST.inputs,
    Buffer.concat([bytesField(INPUT.name, 'x'), bytesField(INPUT.datatype, 'INT8'), ...fields]),
  );
const shape = (...sides: (number | bigint)[]) => bytesField(INPUT.shape, Buffer.concat(sides.map(varint)));
const block = bytesField(REQUEST.rawInputContents, 'a');
const good = [name, input(shape(1, 1)), block];
const many = (count: number, field: Buffer) => Buffer.concat(Array(count).fill(field));

describe('inference under protobuf that no library would write', () => {
  const DIMENSIONS = 'inputs[0].shape: expected dimensions from 1 to 2147483647';
  const cases: [string, Buffer[], string][] = [
    ['noise', [Buffer.alloc(11, 0xff)], 'message: expected protobuf'],
    ['nothing', [], 'model_name: expected the name of a model'],
    ['a length that lies', [bytesField(REQUEST.modelName, 'small', 2 ** 31 - 1)], 'model_name: expected at most the 5 bytes'],
    ['a length of eight petabytes', [name, bytesField(REQUEST.rawInputContents, 'a', 2 ** 53)], 'raw_input_contents: expected at most the 1 bytes'],
    ['an input that is cut off', [name, bytesField(REQUEST.inputs, 'abc', 200)], 'inputs[0]: expected at most the 3 bytes'],
    ['sides of 2^63 - 1', [name, input(shape(2n ** 63n - 1n, 2n ** 63n - 1n)), block], DIMENSIONS],
    ['sides whose product is 1 after an overflow', [name, input(shape(2n ** 33n, 2n ** 31n)), block], DIMENSIONS],
    ['negative sides', [name, input(shape(-1, -1)), block], DIMENSIONS],
    ['the most negative side', [name, input(shape(-(2n ** 63n), 1)), block], DIMENSIONS],
    ['no rows', [name, input(shape(0, 1)), bytesField(REQUEST.rawInputContents, '')], DIMENSIONS],
    ['a million sides', [name, input(bytesField(INPUT.shape, Buffer.alloc(1_000_000, 1))), block], 'inputs[0].shape: expected [n, any]'],
    ['two million sides', [name, input(bytesField(INPUT.shape, Buffer.alloc(2_000_000, 1))), block], 'inputs[0].shape: expected at most 1048576 numbers'],
    ['twelve million typed values', [name, input(shape(1, 1), bytesField(INPUT.contents, bytesField(2, Buffer.alloc(12_000_000, 1))))], 'inputs[0].contents.int_contents: expected at most 1048576 numbers'],
    ['a million inputs', [name, many(1_000_000, bytesField(REQUEST.inputs, ''))], 'expected at most 65536 fields'],
    ['a million outputs', [...good, many(1_000_000, bytesField(REQUEST.outputs, ''))], 'expected at most 65536 fields'],
    ['a million parameters', [...good, many(1_000_000, bytesField(REQUEST.parameters, ''))], 'expected at most 65536 fields'],
    ['five million blocks', [...good, many(5_000_000, bytesField(REQUEST.rawInputContents, ''))], 'raw_input_contents: expected at most 65536 fields'],
    ['a model name that is not UTF-8', [bytesField(REQUEST.modelName, Buffer.of(0xff, 0xfe))], 'model_name: expected UTF-8'],
    ['an id that is not UTF-8', [...good, bytesField(REQUEST.id, Buffer.of(0xc3, 0x28))], 'id: expected UTF-8'],
    ['a number for a name', [varintField(REQUEST.modelName, 5)], 'model_name: expected another wire type'],
    ['deep groups', [name, nestedGroups(100, 200_000)], 'message: expected protobuf, and found wire type 3'],
    ['deep messages', [name, nestedMessages(REQUEST.inputs, 10_000)], 'inputs[0]'],
  ]; // biome-ignore format: one line a case reads as a table

  it.each(cases)('refuses %s, names the field and goes on', async (_, parts, words) => {
    const error = await send(...parts);
    expect(error?.code).toBe(3);
    expect(error?.details).toContain(words);
    expect(['invalid_request', 'invalid_tensor']).toContain(error?.metadata.get('headgate-reason')[0]);
    expect(await status()).toBe('SERVING');
    expect(await send(...good)).toBeUndefined();
  });

  it('does not take memory for what it refuses', async () => {
    const crowd = Buffer.concat([...good, many(5_000_000, bytesField(REQUEST.rawInputContents, ''))]);
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 10; i += 1) expect((await send(crowd))?.code).toBe(3);
    // Reading one of them took more than a gigabyte.
    expect(process.memoryUsage.rss() - before).toBeLessThan(600_000_000);
  });

  it('refuses a message beyond the limit, and goes on', async () => {
    const error = await send(...good, bytesField(1000, Buffer.alloc(17 * 1024 * 1024)));
    expect(error?.code).toBe(8);
    expect(await send(...good)).toBeUndefined();
  });

  it('refuses a small message that unpacks to a huge one, and takes no memory for it', async () => {
    const options = { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip };
    const target = running.client.getChannel().getTarget().replace('dns:', '');
    const packing = new Client(target, credentials.createInsecure(), options);
    const bomb = Buffer.concat([...good, bytesField(1000, Buffer.alloc(400_000_000))]);
    const before = process.memoryUsage.rss();
    expect((await sendBy(packing, bomb))?.code).toBe(8);
    packing.close();
    expect(process.memoryUsage.rss() - before).toBeLessThan(600_000_000);
    expect(await send(...good)).toBeUndefined();
  });

  it('counts what it did not read', async () => {
    await send(Buffer.alloc(11, 0xff));
    const { text } = await running.get('/metrics');
    expect(text).toMatch(
      /headgate_inference_requests_total\{model="other",version="other",outcome="invalid_request"\} [1-9]/,
    );
  });

  it('refuses one message of a stream by its id, and goes on with the stream', async () => {
    const stream = running.client.makeBidiStreamRequest(
      '/inference.GRPCInferenceService/ModelStreamInfer',
      (bytes: Buffer) => bytes,
      loadInference().GRPCInferenceService.service.ModelStreamInfer.responseDeserialize,
    );
    const answers: { error_message: string; infer_response: { id: string; parameters: object } }[] = [];
    stream.on('data', (answer) => answers.push(answer));
    const id = (text: string) => bytesField(REQUEST.id, text);
    stream.write(Buffer.concat([name, id('a'), bytesField(REQUEST.inputs, 'abc', 200)]));
    stream.write(Buffer.alloc(11, 0xff));
    stream.write(Buffer.concat([...good, id('b')]));
    await running.until(async () => answers.length === 3);
    stream.end();
    const [damaged, noise] = answers;
    expect(damaged?.error_message).toContain('inputs[0]: expected at most the 3 bytes');
    expect(damaged?.infer_response).toMatchObject({
      id: 'a',
      parameters: { headgate_reason: { string_param: 'invalid_request' } },
    });
    expect(noise?.infer_response.id).toBe('');
    expect(answers[2]).toMatchObject({ error_message: '', infer_response: { id: 'b' } });
  });

  it('lets a parameter be called __proto__ without any effect', async () => {
    const parameter = Buffer.concat([bytesField(1, '__proto__'), bytesField(2, varintField(2, 5))]);
    expect(await send(...good, bytesField(REQUEST.parameters, parameter))).toBeUndefined();
    expect(({} as { int64_param?: number }).int64_param).toBeUndefined();
  });
});
