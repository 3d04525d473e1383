import { HEADER } from '@headgate/contracts/names';
import { encodeBytesTensor } from '@headgate/contracts/tensor';
import type { Answer, Client, Headers } from '@headgate/testkit/http';
import type { Photo } from '@headgate/testkit/photos';
import { expect } from 'vitest';

/** How photos travel: as base64 in JSON, or as they are behind it. */
export type Form = 'json' | 'binary';

export interface InferOptions {
  readonly key: string;
  readonly model: string;
  readonly version?: string;
  /** Both of the photos and of the answer. */
  readonly form: Form;
  readonly headers?: Headers;
  /** Further members of the request. */
  readonly more?: object;
  /** Applied to the body, e.g. compression. */
  readonly encode?: (body: Buffer) => Buffer;
}

/** Outputs of an image model, one row for each photo. */
export interface Inferred {
  readonly id: string;
  readonly version: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly labels: readonly (readonly string[])[];
  readonly scores: readonly (readonly number[])[];
  readonly classIds: readonly (readonly number[])[];
}

/** Asks an image model for photos, by the Open Inference Protocol over REST. */
export function inferPhotos(
  client: Client,
  photos: readonly Photo[],
  options: InferOptions,
): Promise<Answer> {
  const { key, model, version, form, headers = {}, more = {}, encode = (body) => body } = options;
  const image = { name: 'image', datatype: 'BYTES', shape: [photos.length] };
  const block = encodeBytesTensor(photos.map(({ bytes }) => bytes));
  const input =
    form === 'json'
      ? {
          ...image,
          parameters: { content_type: 'base64' },
          data: photos.map(({ bytes }) => bytes.toString('base64')),
        }
      : { ...image, parameters: { binary_data_size: block.byteLength } };
  const head = Buffer.from(
    JSON.stringify({ parameters: { binary_data_output: form === 'binary' }, inputs: [input], ...more }),
  );
  return client.send({
    path: `/v2/models/${model}${version ? `/versions/${version}` : ''}/infer`,
    headers: {
      [HEADER.apiKey]: key,
      ...(form === 'binary' && { [HEADER.inferenceHeaderLength]: String(head.byteLength) }),
      ...headers,
    },
    body: encode(form === 'binary' ? Buffer.concat([head, block]) : head),
  });
}

interface Output {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly [number, number];
  readonly data?: readonly (string | number)[];
  readonly parameters?: { readonly binary_data_size: number };
}

/** Reads an answer that must be 200, in whichever form. */
export function expectInferred(answer: Answer): Inferred {
  expect(answer.status, answer.text).toBe(200);
  const length = answer.headers[HEADER.inferenceHeaderLength];
  const jsonBytes = length === undefined ? answer.bytes.byteLength : Number(length);
  const { id, model_version, parameters, outputs } = JSON.parse(answer.bytes.toString('utf8', 0, jsonBytes));
  let rest = answer.bytes.subarray(jsonBytes);
  const rows: Record<string, unknown[][]> = {};
  for (const { name, datatype, shape, data, parameters } of outputs as Output[]) {
    const size = parameters?.binary_data_size ?? 0;
    const values = data ?? valuesOf(rest.subarray(0, size), datatype);
    rest = rest.subarray(size);
    expect(values.length).toBe(shape[0] * shape[1]);
    rows[name] = Array.from({ length: shape[0] }, (_, row) =>
      values.slice(row * shape[1], (row + 1) * shape[1]),
    );
  }
  expect(rest.byteLength).toBe(0);
  const { label, score, class_id } = rows;
  return {
    id,
    version: model_version,
    parameters,
    labels: label,
    scores: score,
    classIds: class_id,
  } as Inferred;
}

function valuesOf(block: Buffer, datatype: string): (string | number)[] {
  const words = (read: (at: number) => number) =>
    Array.from({ length: block.byteLength / 4 }, (_, i) => read.call(block, i * 4));
  if (datatype === 'FP32') return words(block.readFloatLE);
  if (datatype === 'INT32') return words(block.readInt32LE);
  const texts: string[] = [];
  for (let at = 0; at < block.byteLength; ) {
    const end = at + 4 + block.readUInt32LE(at);
    texts.push(block.toString('utf8', at + 4, end));
    at = end;
  }
  return texts;
}
