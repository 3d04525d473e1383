import { expect, it } from 'vitest';
import { manifestDigestOf, TAG } from './registry.ts';

it.each([
  [{}, undefined],
  [{ [TAG.manifest]: '' }, undefined],
  [{ [TAG.manifest]: `../${'0'.repeat(61)}` }, undefined],
  [{ [TAG.manifest]: 'A'.repeat(64) }, undefined],
  [{ [TAG.manifest]: '0a'.repeat(32) }, '0a'.repeat(32)],
])('a registration is complete with the digest of a manifest: %j', (tags, digest) => {
  expect(manifestDigestOf({ tags })).toBe(digest);
});
