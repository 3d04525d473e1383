import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import {
  array,
  asyncProperty,
  assert as check,
  constantFrom,
  type Arbitrary as Gen,
  integer,
  nat,
  oneof,
  record,
  tuple,
} from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeEach, expect, it } from 'vitest';
import { ELEMENT, encodeModel } from '../testing/onnx-writer.ts';
import { bytesField as field, varint, varintField } from '../testing/protobuf.ts';
import { checkExternalData } from './onnx-files.ts';

/** What the check lets through, although it lists no file, must not make the runtime read one that is there. */

const PLANTED = 666;
let folder: string;
beforeEach(() => {
  folder = tempDir();
  writeFileSync(join(folder, 'planted'), Buffer.from(new Float32Array(4).fill(PLANTED).buffer));
});

const none = { file: { path: 'model.onnx', sha256: '', bytes: 1, external_data: [] } };
const isAccepted = (model: Uint8Array) => {
  try {
    checkExternalData(model, none);
    return true;
  } catch {
    return false;
  }
};

/** What the runtime computes from zeros, with the planted file where it looks; undefined when it refuses the model. */
async function answerOf(model: Uint8Array): Promise<number | undefined> {
  const extra = { session: { model_external_initializers_file_folder_path: folder } };
  try {
    const session = await InferenceSession.create(model, { extra, logSeverityLevel: 4 });
    const { y } = await session.run({ x: new Tensor('float32', new Float32Array(4), [4]) });
    await session.release();
    return Number(y?.data[0]);
  } catch {
    return undefined;
  }
}

/** How a tag or a length is written: what is added to it, and zero bytes behind. */
const number = record({ beyond: constantFrom(0n, 2n ** 32n, 2n ** 34n, 2n ** 63n), padding: nat(4) });
type Written = typeof number extends Gen<infer T> ? T : never;
const plain = constantFrom<Written>({ beyond: 0n, padding: 0 });
const written = oneof({ weight: 2, arbitrary: plain }, { weight: 1, arbitrary: number });

function write(value: number, { beyond, padding }: Written): Buffer {
  const bytes = varint(BigInt(value) + beyond);
  if (padding > 0) bytes[bytes.length - 1] = (bytes.at(-1) as number) | 0x80;
  return Buffer.concat([
    bytes,
    ...Array.from({ length: padding }, (_, i) => Buffer.of(i + 1 < padding ? 0x80 : 0)),
  ]);
}

const entry = record({
  key: constantFrom('location', 'location', 'location', 'offset', 'length', 'LOCATION'),
  value: constantFrom('planted', 'planted', 'planted', './planted', '0', '16'),
  tag: written,
  length: written,
  isReversed: constantFrom(false, true),
});
const external = record({
  entries: array(entry, { minLength: 1, maxLength: 3 }),
  location: constantFrom(undefined, 0, 1, 1, 1, 2),
  before: constantFrom(Buffer.of(), field(99, 'unknown'), Buffer.of(99 * 8 - 512 + 3, 1)),
});

/** y = x + w, whose w says in some way, right or wrong, that its values lie in the planted file. */
function modelOf({ entries, location, before }: typeof external extends Gen<infer T> ? T : never): Buffer {
  const parts = entries.map(({ key, value, tag, length, isReversed }) => {
    const fields = [field(1, key), field(2, value)];
    const content = Buffer.concat(isReversed ? fields.reverse() : fields);
    return Buffer.concat([write(13 * 8 + 2, tag), write(content.byteLength, length), content]);
  });
  const tensor = [varintField(1, 4), varintField(2, 1), field(8, 'w'), ...parts];
  if (location !== undefined) tensor.push(varintField(14, location));
  const x = { name: 'x', element: ELEMENT.FP32, shape: [4] };
  const node = { operator: 'Add', inputs: ['x', 'w'], outputs: ['y'] };
  const rest = encodeModel({ nodes: [node], inputs: [x], outputs: [{ ...x, name: 'y' }], constants: [] });
  return Buffer.concat([rest, field(7, Buffer.concat([before, field(5, Buffer.concat(tensor))]))]);
}

const usual = { tag: { beyond: 0n, padding: 0 }, length: { beyond: 0n, padding: 0 }, isReversed: false };
const honest = (tag: Written) =>
  modelOf({
    entries: [{ ...usual, key: 'location', value: 'planted', tag }],
    location: 1,
    before: Buffer.of(),
  });

it('sees what the runtime reads, so that the tests below can fail', async () => {
  expect(await answerOf(honest(usual.tag))).toBe(PLANTED);
  expect(await answerOf(honest({ beyond: 2n ** 32n, padding: 0 }))).toBe(PLANTED);
  expect(isAccepted(honest(usual.tag))).toBe(false);
});

const never = async (model: Uint8Array) => {
  if (isAccepted(model)) expect(await answerOf(model)).not.toBe(PLANTED);
};

it('accepts no way to write the reference that the runtime follows', async () => {
  await check(
    asyncProperty(external, (one) => never(modelOf(one))),
    { numRuns: 1000 },
  );
});

it('accepts no damaged model of which the runtime still follows the reference', async () => {
  const models = [honest(usual.tag), honest({ beyond: 2n ** 32n, padding: 0 })];
  const damage = array(tuple(nat(1000), integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 3 });
  await check(
    asyncProperty(constantFrom(...models), damage, (model, changes) => {
      const bytes = Uint8Array.from(model);
      for (const [at, value] of changes) bytes[at % bytes.byteLength] = value;
      return never(bytes);
    }),
    { numRuns: 2000 },
  );
});
