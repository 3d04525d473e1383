import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { publicAddress } from './labels.ts';
import { valuesOf } from './record.ts';
import { isPlain } from './registry.ts';
import { table } from './table.ts';

const REGISTRY = '10.90.0.10:5000';

it('writes the values that the chart reads', () => {
  const at = (registry: string, digest: string) => ({ key: 'k', registry, digest });
  const text = valuesOf(
    {
      'headgate/inference-gpu': at(REGISTRY, 'sha256:1'),
      'headgate-test/redis': at(REGISTRY, 'sha256:2'),
      'headgate/gateway': at('elsewhere:5000', 'sha256:3'),
    },
    REGISTRY,
  );
  expect(parse(text)).toEqual({
    images: {
      registry: REGISTRY,
      inferenceGpu: { repository: 'headgate/inference-gpu', digest: 'sha256:1' },
      redis: { repository: 'headgate-test/redis', digest: 'sha256:2' },
    },
  });
});

it.each([
  ['10.90.0.10:5000/headgate/gateway:1', true],
  ['localhost:5000', true],
  ['[::1]:5000', true],
  ['registry.acme.org/team/gateway', false],
])('speaks plain HTTP to %s: %s', (image, plain) => {
  expect(isPlain(image)).toBe(plain);
});

describe('address in the label', () => {
  it('carries no credentials', () => {
    expect(publicAddress('https://me:token@git.acme.org/a/b.git?x=1')).toBe('https://git.acme.org/a/b.git');
    expect(publicAddress('git@git.acme.org:a/b.git')).toBe('https://git.acme.org/a/b.git');
  });

  it('is left out for a folder', () => {
    expect(publicAddress('/srv/git/headgate')).toBeUndefined();
    expect(publicAddress('')).toBeUndefined();
  });
});

it('prints a line per image', () => {
  const row = { image: 'headgate/envoy', digest: 'sha256:0', bytes: 12_345_678, seconds: 1.26, isNew: true };
  expect(table([row, { ...row, isNew: false, bytes: 'unknown' }]).split('\n')).toEqual([
    'image           digest    to pull  time',
    'headgate/envoy  sha256:0  12.3 MB  1.3 s',
    'headgate/envoy  sha256:0  unknown  unchanged',
  ]);
});
