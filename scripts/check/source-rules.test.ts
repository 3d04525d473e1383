import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { PLANTED } from './semgrep/planted.ts';
import { missedIn } from './source-rules.ts';

const rules = parse(readFileSync(join(import.meta.dirname, 'semgrep/rules.yaml'), 'utf8')) as {
  readonly rules: readonly { readonly id: string }[];
};

it('has something planted for every rule', () => {
  expect(Object.keys(PLANTED).toSorted()).toEqual(rules.rules.map(({ id }) => id).toSorted());
});

it('names the rule that found nothing, or found something elsewhere', () => {
  const all = Object.entries(PLANTED).map(([id, { file }]) => `${file}:1:1:error(scripts.${id}):x`);
  expect(missedIn(all.join('\n'))).toEqual([]);
  expect(missedIn(all.slice(1).join('\n'))).toHaveLength(1);
  expect(missedIn(all.join('\n').replace('scripts/b.ts', 'scripts/z.ts'))).toEqual([
    'the rule no-shell does not find what was planted for it',
  ]);
});
