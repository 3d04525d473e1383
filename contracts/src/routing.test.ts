import { readFileSync } from 'node:fs';
import { array, assert, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { describeIssues, IN_WORDS } from './issues.ts';
import { controlOf, modelRouting, parseRouting, routingSchema } from './routing.ts';

const seed = (name: string): unknown =>
  parse(readFileSync(new URL(`../../config/${name}`, import.meta.url), 'utf8'));

/** A table with one model whose variants have these weights. */
const table = (...weights: number[]) => ({
  schema: 1,
  default_model: 'm',
  models: {
    m: {
      versions: ['1', '2', '3'],
      experiment: {
        name: 'e',
        salt: 's',
        variants: weights.map((weight, i) => ({ name: `v${i}`, version: `${i + 1}`, weight })),
      },
    },
  },
});

const issuesOf = (document: unknown): string[] => {
  const result = routingSchema.safeParse(document, IN_WORDS);
  return result.success ? [] : describeIssues(result.error);
};

/** The table with one part replaced. */
const spoilt = (spoil: (t: ReturnType<typeof table>) => void) => {
  const document = table(90, 10);
  spoil(document);
  return document;
};

/** The table with these shadows of its model, which serves versions 1 to 3. */
const shadowed = (...shadows: { version: string; sample: number }[]) =>
  spoilt((t) => Object.assign(t.models.m, { shadows }));

describe('routingSchema', () => {
  it.each(['routing.yaml', 'routing.fallback.yaml'])('accepts the seed %s', (name) => {
    expect(issuesOf(seed(name))).toEqual([]);
  });

  it('accepts weights in hundredths of a percent that sum to 100, however they add up as floats', () => {
    expect(issuesOf(table(99.9, 0.07, 0.03))).toEqual([]);
    assert(
      property(array(integer({ min: 0, max: 5000 }), { maxLength: 2 }), (treatments) => {
        const control = 10_000 - treatments.reduce((sum, w) => sum + w, 0);
        expect(issuesOf(table(...[control, ...treatments].map((w) => w / 100)))).toEqual([]);
      }),
    );
  });

  it('accepts two shadows, also of a version that is a variant', () => {
    expect(issuesOf(shadowed({ version: '3', sample: 0.01 }, { version: '2', sample: 100 }))).toEqual([]);
    expect(issuesOf(shadowed())).toEqual([]);
  });

  it.each<[string, unknown, string]>([
    [
      'a shadow of a version that is not served',
      shadowed({ version: '4', sample: 1 }),
      'shadows.0.version: expected one of the served versions (1, 2, 3)',
    ],
    [
      'two shadows of one version',
      shadowed({ version: '3', sample: 1 }, { version: '3', sample: 2 }),
      'shadows: expected each version once',
    ],
    [
      'three shadows',
      shadowed(...['1', '2', '3'].map((version) => ({ version, sample: 1 }))),
      'models.m.shadows: ',
    ],
    ['a shadow without a sample', shadowed({ version: '3', sample: 0 }), 'shadows.0.sample: '],
    [
      'a sample with three decimals',
      shadowed({ version: '3', sample: 0.015 }),
      'shadows.0.sample: expected at most two decimals',
    ],
    [
      'weights that miss 100 by a hundredth',
      table(90, 9.99),
      'variants: expected weights that sum to 100, not 99.99',
    ],
    ['weights with three decimals', table(89.999, 10.001), 'expected at most two decimals'],
    ['a negative weight', table(110, -10), 'variants.1.weight'],
    ['no variant', table(), 'variants'],
    ['three treatments', table(70, 10, 10, 10), 'variants'],
    [
      'a version that is not served',
      spoilt((t) => t.models.m.versions.splice(1)),
      'expected one of the served versions (1)',
    ],
    ['a version twice', spoilt((t) => t.models.m.versions.push('1')), 'versions: expected each version once'],
    [
      'two variants of one name',
      spoilt((t) => Object.assign(t.models.m.experiment.variants[1] ?? {}, { name: 'v0' })),
      'a different name for each variant',
    ],
    [
      'a default model that is not listed',
      { ...table(100), default_model: 'x' },
      'default_model: expected the name of a model',
    ],
    [
      'a default model inherited from Object',
      { ...table(100), default_model: 'constructor' },
      'default_model: expected',
    ],
    ['an unknown key', { ...table(100), weight: 1 }, 'weight'],
    ['another schema', { ...table(100), schema: 2 }, 'schema'],
    ['a name with a slash', { ...table(100), models: { 'a/b': table(100).models.m } }, 'models'],
    [
      'a version that YAML reads as a number',
      spoilt((t) => Object.assign(t.models.m, { versions: [1, 2] })),
      'versions.0',
    ],
    ['nothing at all', undefined, '(document)'],
  ])('refuses %s, and says where', (_, document, issue) => {
    expect(issuesOf(document).join('\n')).toContain(issue);
  });

  it('reports every problem at once', () => {
    expect(issuesOf({ ...table(50, 40), default_model: 'x', schema: 3 }).length).toBeGreaterThanOrEqual(2);
    expect(() => parseRouting({})).toThrow(z.ZodError);
  });
});

describe('the plain form of a model', () => {
  const plain = (m: object) => ({ schema: 1, default_model: 'm', models: { m } });

  it('is one variant that gets all units', () => {
    const variants = [{ name: 'v1', version: '1', weight: 100 }];
    const m = { versions: ['1'], experiment: { name: 'version-1', salt: 'version-1', variants } };
    expect(parseRouting(plain({ version: '1' }))).toEqual(plain(m));
    expect(parseRouting(plain(m))).toEqual(plain(m));
  });

  it('takes every version that the full form takes, and other loaded versions', () => {
    const version = 'v'.repeat(64);
    expect(issuesOf(plain({ version }))).toEqual([]);
    expect(
      issuesOf(plain({ version, versions: ['2', version], shadows: [{ version: '2', sample: 1 }] })),
    ).toEqual([]);
  });

  it.each([
    [{ version: '1', ...table(100).models.m }, 'models.m.version: expected either version'],
    [{}, 'models.m.experiment: expected either version'],
    [{ version: '1', versions: ['2'] }, 'models.m.version: expected one of the served versions (2)'],
    [{ version: 1 }, 'models.m.version: expected text, found a number; put it in quotes'],
    [{ experiment: table(100).models.m.experiment }, 'models.m.versions: expected a list, found nothing'],
  ])('%j is neither form', (m, issue) => {
    expect(issuesOf(plain(m)).join('\n')).toContain(issue);
  });
});

describe('modelRouting', () => {
  const routing = parseRouting(table(90, 10));

  it('finds a model, and the control of its experiment', () => {
    const model = modelRouting(routing, 'm');
    expect(model && controlOf(model.experiment)).toEqual({ name: 'v0', version: '1', weight: 90 });
  });

  it.each(['x', '', 'constructor', '__proto__', 'toString'])('knows no model %j', (name) => {
    expect(modelRouting(routing, name)).toBeUndefined();
  });
});
