import { type Fields, invalidField } from './fields.ts';
import { countOf, parametersOf } from './parameters.ts';

/**
 * The raw blocks behind the JSON, as views, each at the place of its input and undefined where an input has none.
 * They follow in the order of the inputs, without gaps, to the end of the body.
 *
 * @throws HeadgateError invalid_request
 */
export function rawBlocksOf(binary: Uint8Array, inputs: readonly Fields[]): (Uint8Array | undefined)[] {
  let offset = 0;
  const blocks = inputs.map((input, i) => {
    const parameters = parametersOf(input, `inputs[${i}]`);
    const size = countOf(parameters, 'binary_data_size', 'bytes');
    if (size === undefined) return undefined;
    const left = binary.byteLength - offset;
    if (size > left) {
      const detail = `expected at most the ${left} bytes that are left behind the JSON`;
      throw invalidField(`${parameters.field}.binary_data_size`, detail);
    }
    offset += size;
    return binary.subarray(offset - size, offset);
  });
  if (offset === binary.byteLength) return blocks;
  const detail = `expected ${offset} bytes behind the JSON as binary_data_size says, not ${binary.byteLength}`;
  throw invalidField('body', detail);
}
