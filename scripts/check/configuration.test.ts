import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { ROOT } from '../setup/bootstrap.mjs';
import { configProblems, routingProblems } from './configuration.ts';

it('finds nothing in the committed layers and the typing error in a changed one', () => {
  const dir = tempDir();
  cpSync(join(ROOT, 'config'), dir, { recursive: true });
  expect(configProblems(dir, 'staging')).toEqual([]);
  writeText(join(dir, 'staging.yaml'), 'listen: { hots: 0.0.0.0 }');
  expect(configProblems(dir, 'staging').join('\n')).toContain('unknown key hots');
});

it('finds weights that do not add up', () => {
  const variants = '[{ name: a, version: "1", weight: 90 }]';
  const model = `{ versions: ["1"], experiment: { name: e, salt: s, variants: ${variants} } }`;
  const dir = tempDir({ 'routing.yaml': `{ schema: 1, default_model: m, models: { m: ${model} } }` });
  expect(routingProblems(join(dir, 'routing.yaml')).join('\n')).toContain('expected weights that sum to 100');
});
