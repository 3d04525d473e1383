import { parseRouting } from '@headgate/contracts/routing';
import { parseYaml } from '@headgate/runtime/parse-yaml';
import { describe, expect, it } from 'vitest';
import { editText } from './edit-text.ts';
import { withVersion } from './with-version.ts';

const TEXT = `schema: 1
default_model: hats # ours
models:
  hats:
    versions: [ "1", "2", "3" ]
    experiment:
      name: a-or-b
      salt: s
      variants:
        - { name: a, version: "1", weight: 70 }
        - { name: b, version: "2", weight: 30 }
  caps: { version: "4" }
`;
const TABLE = parseRouting(parseYaml(TEXT));

const variantsOf = (model: string, version: string, weight: number) =>
  parseRouting(withVersion(TABLE, model, { version, weight })).models[model]?.experiment.variants.map(
    ({ name, weight }) => [name, weight],
  );

describe('a version that is added to the routing table', () => {
  it('is the only one of a new model, in the plain form', () => {
    const after = withVersion(TABLE, 'shoes', { version: '1', weight: 100 });
    expect(editText(TEXT, TABLE, after)).toBe(`${TEXT}  shoes:\n    version: "1"\n`);
  });

  it('becomes a treatment, whose weight control gives', () => {
    expect(variantsOf('hats', '3', 12.34)).toEqual([
      ['a', 57.66],
      ['b', 30],
      ['v3', 12.34],
    ]);
    expect(variantsOf('caps', '5', 100)).toEqual([
      ['v4', 0],
      ['v5', 100],
    ]);
  });

  it('with a weight of 0 is loaded, and no variant', () => {
    const { caps } = withVersion(TABLE, 'caps', { version: '5', weight: 0 }).models;
    expect(caps).toEqual({ versions: ['4', '5'], experiment: TABLE.models.caps?.experiment });
  });

  it.each([
    ['shoes', '1', 50, /only version gets 100 %/],
    ['hats', '2', 10, /is a variant of hats already/],
    ['hats', '3', 70.01, /has 70 % to give/],
  ])('is refused: %s/%s with %d %%', (model, version, weight, why) => {
    expect(() => withVersion(TABLE, model, { version, weight })).toThrow(why);
  });
});
