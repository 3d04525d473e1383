import { HeadgateError } from '@headgate/contracts/errors';
import type { RawTensor } from './engine/protocol.ts';
import type { ModelPackage } from './models/repository.ts';
import type { Answer, AnsweredTensor } from './respond.ts';

/**
 * The rows of the items of one call, joined again.
 *
 * @throws HeadgateError internal when the rows of an output have different shapes and cannot be one tensor
 */
export function tensorOutputs({ manifest }: ModelPackage, { outputs, results }: Answer): AnsweredTensor[] {
  const rows = results.map(({ row }) => row as readonly RawTensor[]);
  return outputs.map((name) => {
    const index = manifest.outputs.findIndex((output) => output.name === name);
    const tensors = rows.map((row) => row[index] as RawTensor);
    const { datatype } = manifest.outputs[index] as { datatype: string };
    return { name, datatype, shape: joinedShape(name, tensors), block: joinedBlock(tensors) };
  });
}

function joinedShape(name: string, tensors: readonly RawTensor[]): number[] {
  const [first = []] = tensors.map(({ shape }) => shape);
  if (tensors.length === 1) return [...first];
  if (tensors.some(({ shape }) => shape.join() !== first.join())) {
    const detail = `The rows of the output ${name} came out in different shapes; send them in calls of their own.`;
    throw new HeadgateError('internal', detail);
  }
  return [tensors.length, ...first.slice(1)];
}

function joinedBlock(tensors: readonly RawTensor[]): Uint8Array {
  const [first] = tensors;
  return tensors.length === 1 && first ? first.block : Buffer.concat(tensors.map(({ block }) => block));
}
