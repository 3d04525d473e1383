import { readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type ModelRouting, onlyVersion, parseRouting, type Routing } from '@headgate/contracts/routing';
import { parseYaml } from '@headgate/runtime/parse-yaml';
import { ConfigMapServer } from '@headgate/runtime/testing/config-map-server';
import { tempDir } from '@headgate/testkit/folders';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { withAllTo, withLoaded } from '../models/tables.ts';
import { configMapSource } from './config-map-source.ts';
import { fileSource } from './file-source.ts';
import type { RoutingSource } from './routing-source.ts';
import { SourcedRouting } from './routing-store.ts';

const SEED = readFileSync(new URL('../../../config/routing.yaml', import.meta.url), 'utf8');
const MODEL = 'efficientnet-lite0';

interface Place {
  /** As a new process opens it. */
  open(): RoutingSource;
  readonly editor: string;
  edit(text: string): void;
  text(): string;
}

const places: Record<string, () => Place> = {
  file() {
    const path = join(tempDir(), 'routing.yaml');
    writeFileSync(path, SEED);
    return {
      open: () => fileSource(path),
      editor: `user:${userInfo().username}`,
      edit: (text) => writeFileSync(path, text),
      text: () => readFileSync(path, 'utf8'),
    };
  },
  ConfigMap() {
    const server = new ConfigMapServer(new ManualClock(), SEED);
    return {
      open: () => configMapSource(server, 'headgate-routing'),
      editor: 'manager:kubectl-edit',
      edit: (text) => server.edit(text),
      text: () => server.text ?? '',
    };
  },
};

function withWeights(...weights: number[]) {
  return (routing: Routing): Routing => {
    const changed = structuredClone(routing);
    changed.models[MODEL]?.experiment.variants.forEach((variant, index) => {
      variant.weight = weights[index] ?? 0;
    });
    return changed;
  };
}

describe.each(Object.keys(places))('the routing table of a %s', (kind) => {
  let place: Place;
  let store: SourcedRouting;

  beforeEach(async () => {
    place = (places[kind] as () => Place)();
    store = new SourcedRouting(place.open());
    await store.refresh();
  });

  const weights = () => store.current().routing.models[MODEL]?.experiment.variants.map((v) => v.weight);

  it('is written as a whole, says for whom, and keeps the comments', async () => {
    const before = store.current();
    const after = await store.write(before.revision, withWeights(50, 50), 'key:k1');
    expect(weights()).toEqual([50, 50]);
    expect(after.revision).not.toBe(before.revision);
    expect(after.changedBy).toBe('key:k1');
    const expected = SEED.replace('weight: 90', 'weight: 50').replace('weight: 10', 'weight: 50');
    expect(place.text()).toBe(expected.replace('["1", "2"]', '[ "1", "2" ]'));
  });

  it('says for whom it was written after a restart too, until somebody edits it', async () => {
    await store.write(store.current().revision, withWeights(50, 50), 'control');
    await store.write(store.current().revision, withWeights(60, 40), 'key:k1');
    const restarted = new SourcedRouting(place.open());
    await restarted.refresh();
    expect(restarted.current().changedBy).toBe('key:k1');
    place.edit(SEED);
    await restarted.refresh();
    expect(restarted.current().changedBy).toBe(place.editor);
  });

  it('takes a text of control that an editor puts back for an edit', async () => {
    const edits: unknown[] = [];
    store = new SourcedRouting(place.open(), ({ changedBy }) => edits.push(changedBy));
    await store.refresh();
    await store.write(store.current().revision, withWeights(50, 50), 'key:k1');
    const written = place.text();
    for (const text of [SEED, written]) {
      place.edit(text);
      await store.refresh();
    }
    expect([store.current().changedBy, edits]).toEqual([place.editor, [place.editor, place.editor]]);
    await store.write(store.current().revision, withWeights(60, 40), 'key:k2');
    const other = new SourcedRouting(place.open());
    await other.refresh();
    await store.refresh();
    expect([store, other].map((each) => each.current().changedBy)).toEqual(['key:k2', 'key:k2']);
    expect(edits).toHaveLength(2);
  });

  it('takes versions and variants that come and go, in the style of the others', async () => {
    const only = (routing: Routing) => {
      const changed = structuredClone(routing);
      const model = changed.models[MODEL];
      if (!model) throw new Error('no model');
      model.versions.push('3');
      model.experiment.variants = [{ name: 'fp32', version: '1', weight: 100 }];
      return changed;
    };
    await store.write(store.current().revision, only, 'control');
    expect(place.text()).toContain('versions: [ "1", "2", "3" ]');
    expect(place.text()).toContain(
      '{ name: fp32, version: "1", weight: 100 } # the first one is the control',
    );
    expect(place.text()).not.toContain('int8, version');
  });

  it('refuses the second of two who change the same revision', async () => {
    const { revision } = store.current();
    await store.write(revision, withWeights(50, 50), 'key:k1');
    const second = store.write(revision, withWeights(70, 30), 'key:k2');
    await expect(second).rejects.toMatchObject({ reason: 'conflict' });
    expect(weights()).toEqual([50, 50]);
  });

  it('refuses a change of what an editor has changed meanwhile, and says who', async () => {
    const { revision } = store.current();
    place.edit(SEED.replace('weight: 90', 'weight: 80').replace('weight: 10', 'weight: 20'));
    const write = store.write(revision, withWeights(50, 50), 'control');
    await expect(write).rejects.toMatchObject({ reason: 'conflict' });
    expect([weights(), store.current().changedBy]).toEqual([[80, 20], place.editor]);
  });

  it('refuses what readers would refuse', async () => {
    const write = store.write(store.current().revision, withWeights(50, 51), 'key:k1');
    await expect(write).rejects.toMatchObject({
      reason: 'invalid',
      detail: expect.stringContaining('expected weights that sum to 100, not 101'),
    });
    expect(place.text()).toBe(SEED);
  });

  it('keeps the last good table while the newest is refused, and can replace that one', async () => {
    const good = store.current();
    place.edit(SEED.replace('weight: 90', 'weight: 91'));
    await store.refresh();
    expect(weights()).toEqual([90, 10]);
    expect(store.current().refused).toEqual([expect.stringContaining('sum to 100, not 101')]);
    expect(store.current().revision).not.toBe(good.revision);
    expect(store.current().inForce).toEqual(good.inForce);
    await store.write(store.current().revision, withWeights(100, 0), 'control');
    const { refused, revision, inForce } = store.current();
    expect([weights(), refused, inForce.revision]).toEqual([[100, 0], [], revision]);
  });

  it('tells its listeners of each new revision once', async () => {
    const listener = vi.fn();
    const end = store.onChange(listener);
    await store.write(store.current().revision, withWeights(50, 50), 'control');
    await store.refresh();
    expect(listener).toHaveBeenCalledTimes(1);
    end();
    place.edit(SEED);
    await store.refresh();
    expect(listener).toHaveBeenCalledTimes(1);
  });

  it('says when its source is away, and keeps the last table', async () => {
    const store = new SourcedRouting({
      ...place.open(),
      read: () => Promise.reject(new Error('away')),
    });
    await expect(store.refresh()).rejects.toThrow('away');
    expect(() => store.current()).toThrow('has not been read yet');
  });
});

describe('a model in the plain form', () => {
  const PLAIN = `schema: 1
default_model: shoes # the only one
models:
  # trained in May
  shoes: { version: "1" }
  hats: { version: "7", versions: [ "7", "8" ] }
`;
  const written = async (change: (shoes: ModelRouting) => ModelRouting) => {
    const path = join(tempDir(), 'routing.yaml');
    writeFileSync(path, PLAIN);
    const store = new SourcedRouting(fileSource(path));
    await store.refresh();
    const changed = (routing: Routing) => ({
      ...routing,
      models: { ...routing.models, shoes: change(routing.models.shoes as ModelRouting) },
    });
    await store.write(store.current().revision, changed, 'control');
    return readFileSync(path, 'utf8');
  };

  it.each<[string, (shoes: ModelRouting) => ModelRouting, string]>([
    [
      'a version that is only loaded',
      (shoes) => withLoaded(shoes, '2'),
      '{ version: "1", versions: [ "1", "2" ] }',
    ],
    [
      'another version for all units',
      (shoes) => ({ ...shoes, versions: ['2'], experiment: onlyVersion('2') }),
      '{ version: "2" }',
    ],
    [
      'a shadow',
      (shoes) => ({ ...withLoaded(shoes, '2'), shadows: [{ version: '2', sample: 5 }] }),
      '{ version: "1", versions: [ "1", "2" ], shadows: [ { version: "2", sample: 5 } ] }',
    ],
  ])('stays in it with %s, and the rest stays as it was', async (_, change, shoes) => {
    expect(await written(change)).toBe(PLAIN.replace('{ version: "1" }', shoes));
  });

  it('gets an experiment where one is needed', async () => {
    const text = await written((shoes) => withAllTo(shoes, '1', 'sizes', 'small'));
    expect(text).toContain('  shoes: { versions: [ "1" ], experiment: { name: sizes,');
    expect(text).toContain('# trained in May');
    expect(parseRouting(parseYaml(text)).models.shoes?.experiment.name).toBe('sizes');
  });
});

it('writes a table with aliases from new, because an alias cannot be changed alone', async () => {
  const path = join(tempDir(), 'routing.yaml');
  const half = '&half { name: a, version: "1", weight: 50 }';
  const model = (rest: string) => `
    versions: ["1"]
    experiment:
      name: e
      salt: s
      variants: [${rest}]`;
  writeFileSync(
    path,
    `schema: 1
default_model: m
models:
  m:${model(`${half}, { name: b, version: "1", weight: 50 }`)}
  n:${model('*half, { name: b, version: "1", weight: 50 }')}
`,
  );
  const store = new SourcedRouting(fileSource(path));
  await store.refresh();
  await store.write(
    store.current().revision,
    (routing) => {
      const changed = structuredClone(routing);
      changed.models.n?.experiment.variants.forEach((variant, index) => {
        variant.weight = index === 0 ? 40 : 60;
      });
      return changed;
    },
    'control',
  );
  const weights = (of: string) =>
    store.current().routing.models[of]?.experiment.variants.map((v) => v.weight);
  expect([weights('m'), weights('n')]).toEqual([
    [50, 50],
    [40, 60],
  ]);
});

it('writes the table of a file also where it cannot keep who did', async () => {
  const dir = tempDir();
  const path = join(dir, 'routing.yaml');
  writeFileSync(path, SEED);
  writeFileSync(join(dir, 'rollouts'), 'no folder');
  const store = new SourcedRouting(fileSource(path));
  await store.refresh();
  const { changedBy } = await store.write(store.current().revision, withWeights(50, 50), 'key:k1');
  expect([changedBy, readFileSync(path, 'utf8')]).toEqual(['key:k1', expect.stringContaining('weight: 50')]);
});
