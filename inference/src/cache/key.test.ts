import type { Manifest } from '@headgate/contracts/manifest';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RawTensor } from '../engine/protocol.ts';
import { AFFINE, echoOf, manifestOf } from '../testing/tensor-models.ts';
import { keysFor, type Tenant } from './key.ts';

const manifest = manifestOf('m', AFFINE);
const keyOf = keysFor(manifest);
const bytes = (...values: number[]) => Uint8Array.from(values);
const tensor = (shape: number[], ...values: number[]): RawTensor => ({ shape, block: bytes(...values) });

/** Few values, so that equal and almost equal ones are common. */
const few = fc.uint8Array({ maxLength: 3, max: 1 });
const payload = fc.oneof(
  few,
  fc.array(fc.record({ shape: fc.array(fc.integer({ min: 1, max: 2 }), { maxLength: 2 }), block: few }), {
    maxLength: 3,
  }),
);
const tenant: fc.Arbitrary<Tenant> = fc.constantFrom(undefined, '', 'internal', 'tenant', 'a', 'b');

describe('keysFor', () => {
  it('gives two questions one key exactly if they are the same', () => {
    const question = fc.record({ tenant, payload, sketch: fc.boolean() });
    const comparable = ({ tenant, payload, sketch }: { tenant: Tenant; payload: unknown; sketch: boolean }) =>
      JSON.stringify([tenant ?? null, payload instanceof Uint8Array, payload, sketch]);
    fc.assert(
      fc.property(question, question, (a, b) => {
        const same = comparable(a) === comparable(b);
        const key = ({ tenant, payload, sketch }: typeof a) => keyOf(tenant, payload, sketch);
        expect(key(a) === key(b)).toBe(same);
      }),
      { numRuns: 3000 },
    );
  });

  it.each<[string, readonly RawTensor[], readonly RawTensor[]]>([
    ['where one tensor ends', [tensor([2], 1, 2), tensor([1], 3)], [tensor([1], 1), tensor([2], 2, 3)]],
    ['the shape of the same bytes', [tensor([2, 3], 1)], [tensor([3, 2], 1)]],
    ['the sides of a shape', [tensor([1, 23], 1)], [tensor([12, 3], 1)]],
    ['where the shape ends and the bytes begin', [tensor([1], 0x32)], [tensor([12])]],
    ['how many tensors there are', [tensor([1], 1)], [tensor([1], 1), tensor([1])]],
    ['their order', [tensor([1], 1), tensor([1], 2)], [tensor([1], 2), tensor([1], 1)]],
  ])('tells apart: %s', (_, a, b) => {
    expect(keyOf('t', a)).not.toBe(keyOf('t', b));
  });

  it('tells apart where a tenant ends and its image begins', () => {
    const [image, rest] = [Buffer.from('imageZ'), Buffer.from('Z')];
    expect(keyOf('a', image)).not.toBe(keyOf('aimage', rest));
  });

  it('tells callers inside from every tenant, whatever it is called', () => {
    const names: Tenant[] = [undefined, '', 'undefined', 'internal', 'tenant'];
    expect(new Set(names.map((name) => keyOf(name, bytes(1)))).size).toBe(names.length);
  });

  it.each<[string, Partial<Manifest>]>([
    ['the digest of the model file', { file: { ...manifest.file, sha256: 'f'.repeat(64) } }],
    ['the version', { version: '2' }],
    ['the name', { name: 'n' }],
    ['an input', { inputs: [...manifestOf('m', echoOf('FP16')).inputs] }],
  ])('changes with %s', (_, change) => {
    expect(keysFor({ ...manifest, ...change })('t', bytes(1))).not.toBe(keyOf('t', bytes(1)));
  });

  it('changes with the version of the preprocessing', () => {
    const image = (version: number): Manifest => ({
      ...manifest,
      image: {
        input: 'x',
        output: 'y',
        activation: 'none',
        labels: 'labels.json',
        top_k: 1,
        preprocessing: {
          version,
          width: 1,
          height: 1,
          channels: 3,
          fit: 'crop',
          crop_fraction: 1,
          border: 0,
          orientation: 'apply',
          resample: 'cubic',
        },
      },
    });
    expect(keysFor(image(1))('t', bytes(1))).not.toBe(keysFor(image(2))('t', bytes(1)));
  });

  it('is as long as a SHA-256, however long the input', () => {
    expect(Buffer.from(keyOf('t', new Uint8Array(1_000_000)), 'base64url')).toHaveLength(32);
  });
});
