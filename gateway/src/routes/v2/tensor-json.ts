import { HeadgateError } from '@headgate/contracts/errors';
import type { Datatype } from '@headgate/contracts/manifest';
import { decodeBytesTensor, ELEMENT_BYTES } from '@headgate/contracts/tensor';
import { NUMBERS, type NumberType } from '@headgate/contracts/tensor-numbers';

/** An output as inference answered it. */
export interface RawOutput {
  readonly name: string;
  readonly datatype: Datatype;
  /** Elements, by its shape. */
  readonly count: number;
  readonly block: Uint8Array;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The values of a raw block as the text of a flat JSON list, each exact: numbers of 64 bits keep all their digits.
 *
 * @throws HeadgateError invalid_request when JSON cannot hold them, and the caller should ask for binary
 * @throws RangeError when the block does not hold what its shape promises
 */
export function jsonOfBlock({ name, datatype, count, block }: RawOutput): string {
  if (datatype === 'BYTES') return stringsOf(name, decodeBytesTensor(block, count));
  if (block.byteLength !== count * ELEMENT_BYTES[datatype])
    throw new RangeError(`${name} is not ${count} elements`);
  if (datatype === 'FP16') throw binaryOnly(name, 'FP16 has no form in JSON');
  if (datatype === 'BOOL') return `[${Array.from(block, (byte) => byte !== 0).join()}]`;
  return numbersOf(name, datatype, block);
}

function numbersOf(name: string, datatype: NumberType, block: Uint8Array): string {
  const { text } = NUMBERS[datatype];
  const size = ELEMENT_BYTES[datatype];
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const texts = Array.from({ length: block.byteLength / size }, (_, i) => text(view, i * size));
  if (!datatype.startsWith('FP') || texts.every(isJson)) return `[${texts.join()}]`;
  throw binaryOnly(name, 'it holds NaN or an infinity, which JSON cannot say');
}

/** Whether the text of a number is JSON: `NaN`, `Infinity` and `-Infinity` are not. */
function isJson(text: string): boolean {
  return !text.endsWith('N') && !text.endsWith('y');
}

function stringsOf(name: string, elements: readonly Uint8Array[]): string {
  try {
    return JSON.stringify(elements.map((element) => utf8.decode(element)));
  } catch {
    throw binaryOnly(name, 'it holds bytes that are no UTF-8');
  }
}

function binaryOnly(output: string, why: string): HeadgateError {
  return new HeadgateError(
    'invalid_request',
    `The output ${output} can be answered in binary only: ${why}. Ask with binary_data: true.`,
  );
}
