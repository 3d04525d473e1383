import { expect, it } from 'vitest';
import { programOf } from './go-tool.ts';

it.each([
  ['github.com/zricethezav/gitleaks/v8', 'gitleaks'],
  ['github.com/letsencrypt/pebble/v2/cmd/pebble', 'pebble'],
])('is a program whose name Go takes from %s: %s', (path, name) => {
  expect(programOf(path)).toBe(name);
});
