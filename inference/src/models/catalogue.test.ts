import { batchingSchema } from '@headgate/contracts/manifest';
import { type ModelRouting, parseRouting } from '@headgate/contracts/routing';
import { createLogger } from '@headgate/runtime/logger';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { describe, expect, it } from 'vitest';
import type { EngineProcess } from '../engine/parent/process.ts';
import { LoadError } from '../load-error.ts';
import { VersionCounters } from '../telemetry/version-counters.ts';
import { CALM } from '../testing/policies.ts';
import { Catalogue } from './catalogue.ts';
import { ChangeWatch } from './change-watch.ts';
import { LoadGate } from './load-gate.ts';
import type { ModelPackage } from './repository.ts';

const LOG = createLogger({ service: 'test', level: 'silent' });

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A table that serves the given versions; the first one is the control. */
function table(...versions: string[]) {
  const variants = [{ name: 'control', version: versions[0], weight: 100 }];
  const experiment = { name: 'e', salt: 's', variants };
  return parseRouting({ schema: 1, default_model: 'm', models: { m: { versions, experiment } } });
}

function setUp() {
  const clock = new ManualClock();
  const opened: string[] = [];
  const killed: string[] = [];
  const broken = new Set<string>();
  const crashing = new Set<string>();
  const refused = new Set<string>();
  const failures: string[] = [];
  /** Names for which counters were asked. */
  const counted = new Set<string>();
  const stamps = { now: 'a' };
  let starts = 0;
  const startEngine = async ({ directory }: ModelPackage) => {
    starts += 1;
    if (refused.has(directory)) throw new LoadError('refused', { kind: 'digest' });
    const ended = Promise.withResolvers<string>();
    const kill = () => {
      killed.push(directory);
      ended.resolve('killed');
    };
    if (crashing.has(directory)) setImmediate(() => ended.resolve('ended by SIGSEGV'));
    const report = { provider: 'cpu', loadMs: 1, golden: {} };
    const wornOut = new Promise<void>(() => {});
    return { ended: ended.promise, wornOut, kill, report, listen: () => {} } as unknown as EngineProcess;
  };
  const catalogue = new Catalogue({
    serves: (model) => model !== 'elsewhere',
    repository: {
      refused: async () => {},
      list: async () => [],
      isCurrent: async ({ stamp }) => stamp === stamps.now,
      async open(_, version) {
        opened.push(version);
        if (broken.has(version)) throw new LoadError('broken', { kind: 'manifest' });
        const batching = batchingSchema.parse({ max_batch_size: 1 });
        return {
          directory: version,
          manifest: { batching },
          labels: [],
          stamp: stamps.now,
        } as unknown as ModelPackage;
      },
    },
    startEngine,
    devicesOf: () => [0],
    recycle: 'overlap',
    cacheOf: () => undefined,
    gate: new LoadGate(2),
    admission: CALM,
    restartMinMs: 100,
    restartMaxMs: 400,
    drainTimeoutMs: 1000,
    clock,
    log: LOG,
    countersOf: (model, version) => {
      counted.add(`${model}/${version}`);
      const loadFailed = (kind: string) => failures.push(`${version} ${kind}`);
      return Object.assign(new VersionCounters(), { loadFailed });
    },
  });
  const apply = async (...versions: string[]) => {
    catalogue.apply(table(...versions));
    await settled();
  };
  const statuses = () => Object.fromEntries(catalogue.all().map(({ version, status }) => [version, status]));
  return {
    catalogue,
    apply,
    statuses,
    opened,
    killed,
    broken,
    refused,
    failures,
    counted,
    stamps,
    clock,
    crashing,
    starts: () => starts,
  };
}

describe('Catalogue', () => {
  it('serves exactly what the routing table names, and loads nothing twice', async () => {
    const { apply, statuses, opened, killed } = setUp();
    await apply('1', '2');
    expect(statuses()).toEqual({ 1: 'ready', 2: 'ready' });
    await apply('2', '3');
    expect(statuses()).toEqual({ 2: 'ready', 3: 'ready' });
    expect(opened).toEqual(['1', '2', '3']);
    expect(killed).toEqual(['1']);
  });

  it('leaves models to the pods that serve them', async () => {
    const { catalogue, opened } = setUp();
    const routing = table('1');
    catalogue.apply({
      ...routing,
      models: { ...routing.models, elsewhere: routing.models.m as ModelRouting },
    });
    await settled();
    expect(catalogue.all().map(({ model }) => model)).toEqual(['m']);
    expect([opened, catalogue.versions('elsewhere')]).toEqual([['1'], []]);
  });

  it('tells versions that are staged from those that get units, copies, or units again', () => {
    const { catalogue } = setUp();
    const { models, ...routing } = table('1', '2', '3', '4');
    const m = { ...(models.m as ModelRouting), staged: ['1', '3', '4'] };
    catalogue.apply({ ...routing, models: { m: { ...m, shadows: [{ version: '3', sample: 1 }] } } });
    expect(['1', '2', '3', '4'].filter((version) => catalogue.isStaged({ model: 'm', version }))).toEqual([
      '4',
    ]);
  });

  it('gives the control version to callers who name none', async () => {
    const { catalogue, apply } = setUp();
    await apply('2', '9');
    expect(catalogue.find('m', '').version).toBe('2');
    await apply('9', '2');
    expect(catalogue.find('m', '').version).toBe('9');
  });

  it('counts calls for names that callers made up under other, whatever the names', async () => {
    const { catalogue, apply, counted } = setUp();
    await apply('1', '2');
    const before = counted.size;
    catalogue.counters('m', '');
    for (let i = 0; i < 100; i += 1) {
      catalogue.counters(`junk-${i}`, '');
      catalogue.counters('m', `junk-${i}`);
    }
    expect([...counted].slice(before)).toEqual(['other/other', 'm/other']);
  });

  it('tries a version that cannot be loaded again, with growing pauses, and leaves the others alone', async () => {
    const { apply, statuses, opened, broken, clock } = setUp();
    broken.add('2');
    await apply('1', '2');
    expect(statuses()).toEqual({ 1: 'ready', 2: 'failed' });
    clock.advance(100);
    await settled();
    clock.advance(199);
    await settled();
    expect(opened).toEqual(['1', '2', '2']);
    broken.clear();
    clock.advance(1);
    await settled();
    expect(statuses()).toEqual({ 1: 'ready', 2: 'ready' });
  });

  it('starts the engines of a version ever more slowly when they crash, shows it, and leaves the others alone', async () => {
    const { catalogue, apply, statuses, clock, crashing, killed, starts } = setUp();
    crashing.add('2');
    await apply('1', '2');
    for (const pauseMs of [100, 200, 400, 400]) {
      await settled();
      expect(statuses()).toEqual({ 1: 'ready', 2: 'failed' });
      const slot = { pauseMs, lastReason: 'ended by SIGSEGV' };
      expect(catalogue.get('m', '2')).toMatchObject({ slots: [slot] });
      expect(String(catalogue.get('m', '2')?.problem)).toContain('ended by SIGSEGV');
      const before = starts();
      clock.advance(pauseMs - 1);
      await settled();
      expect(starts()).toBe(before);
      clock.advance(1);
      await settled();
      expect(starts()).toBe(before + 1);
    }
    expect([catalogue.get('m', '1')?.slots[0]?.restarts.size, killed]).toEqual([0, []]);
    expect(catalogue.get('m', '1')?.engines).toHaveLength(1);
  });

  it('gives up on a broken version that is no longer named', async () => {
    const { apply, opened, broken, clock } = setUp();
    broken.add('2');
    await apply('1', '2');
    await apply('1');
    clock.advance(10_000);
    await settled();
    expect(opened).toEqual(['1', '2']);
  });

  it('tells unknown models, unknown versions and versions that are not ready apart', async () => {
    const { catalogue, apply, broken } = setUp();
    broken.add('2');
    await apply('1', '2');
    const reason = (model: string, version: string) => {
      try {
        return catalogue.serving(model, version) && 'ok';
      } catch (error) {
        return (error as { reason: string }).reason;
      }
    };
    expect(reason('m', '1')).toBe('ok');
    expect(reason('m', '2')).toBe('unavailable');
    expect(() => catalogue.serving('m', '2')).toThrow(/cannot be loaded; the operator finds why/);
    expect(reason('m', '3')).toBe('unknown_version');
    expect(reason('__proto__', '')).toBe('unknown_model');
  });

  it('ends every engine when it is closed', async () => {
    const { catalogue, apply, killed } = setUp();
    await apply('1', '2');
    await catalogue.close();
    expect(killed.sort()).toEqual(['1', '2']);
    expect(catalogue.all()).toEqual([]);
  });

  it('counts every attempt that failed, by what stood in the way', async () => {
    const { apply, broken, refused, failures, clock } = setUp();
    broken.add('2');
    refused.add('3');
    await apply('1', '2', '3');
    clock.advance(100);
    await settled();
    expect(failures).toEqual(['2 manifest', '3 digest', '2 manifest', '3 digest']);
  });

  it('keeps what serves when a reload fails, and remembers why', async () => {
    const { catalogue, apply, broken, killed, opened } = setUp();
    await apply('1');
    const before = catalogue.get('m', '1');
    broken.add('1');
    await expect(catalogue.reload('m', ['1'])).rejects.toThrow('broken');
    expect(catalogue.get('m', '1')).toBe(before);
    expect(catalogue.failure('m', '1')).toMatchObject({ kind: 'manifest' });
    broken.clear();
    await catalogue.reload('m', ['1']);
    expect(catalogue.get('m', '1')).not.toBe(before);
    expect(catalogue.failure('m', '1')).toBeUndefined();
    await settled();
    expect(killed).toEqual(['1']);
    expect(opened).toEqual(['1', '1', '1']);
  });

  it('ends a fresh version that the routing table gave up while it was loaded', async () => {
    const { catalogue, apply, killed } = setUp();
    await apply('1', '2');
    const reloaded = catalogue.reload('m', ['2']);
    await apply('1');
    await reloaded;
    await settled();
    expect(catalogue.all().map(({ version }) => version)).toEqual(['1']);
    expect(killed).toEqual(['2', '2']);
  });

  it('ends what is being loaded when it is closed', async () => {
    const { catalogue, apply, killed } = setUp();
    await apply('1');
    const reloaded = catalogue.reload('m', ['1']).catch(() => 'given up');
    await catalogue.close();
    expect(await reloaded).toBe('given up');
    expect(killed.length).toBeLessThanOrEqual(2);
    expect(catalogue.retiring()).toEqual([]);
  });
});

describe('a change in the repository', () => {
  const watching = () => {
    const all = setUp();
    const { catalogue, clock } = all;
    const repository = { isCurrent: async ({ stamp }: ModelPackage) => stamp === all.stamps.now };
    const watch = new ChangeWatch({ deployments: () => catalogue.all(), repository, pollMs: 5000, clock });
    const changed = () => catalogue.all().filter((one) => one.changedOnDisk).map(({ version }) => version); // biome-ignore format: one line
    return { ...all, watch, changed };
  };

  it('is shown, and not served until the version is reloaded', async () => {
    const { catalogue, apply, clock, stamps, opened, changed, watch } = watching();
    await apply('1');
    stamps.now = 'b';
    clock.advance(4999);
    await settled();
    expect(changed()).toEqual([]);
    clock.advance(1);
    await settled();
    expect(changed()).toEqual(['1']);
    expect(opened).toEqual(['1']);
    await catalogue.reload('m', ['1']);
    expect(changed()).toEqual([]);
    await watch.check();
    expect(changed()).toEqual([]);
  });

  it('is taken back when the old files come back', async () => {
    const { apply, stamps, watch, changed } = watching();
    await apply('1');
    for (const [stamp, expected] of [
      ['b', ['1']],
      ['a', []],
    ] as const) {
      stamps.now = stamp;
      await watch.check();
      expect(changed()).toEqual(expected);
    }
  });

  it('makes a version that never came up be read anew', async () => {
    const { apply, refused, stamps, statuses, opened, watch } = watching();
    refused.add('2');
    await apply('1', '2');
    expect(statuses()).toEqual({ 1: 'ready', 2: 'failed' });
    refused.clear();
    stamps.now = 'b';
    await watch.check();
    await settled();
    expect(statuses()).toEqual({ 1: 'ready', 2: 'ready' });
    expect(opened.filter((version) => version === '2')).toHaveLength(2);
  });

  it('is looked for no more once the watch is stopped', async () => {
    const { watch, clock } = watching();
    watch.stop();
    expect(clock.pending).toBe(0);
  });
});
