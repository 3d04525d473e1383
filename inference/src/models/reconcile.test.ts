import { batchingSchema } from '@headgate/contracts/manifest';
import { parseRouting } from '@headgate/contracts/routing';
import { createLogger } from '@headgate/contracts/telemetry/logger';
import { describe, expect, it } from 'vitest';
import type { EngineProcess } from '../engine/process.ts';
import { LoadError } from '../load-error.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { CALM } from '../testing/policies.ts';
import { Catalogue } from './reconcile.ts';
import type { ModelPackage } from './repository.ts';

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
  const startEngine = async ({ directory }: ModelPackage) => {
    const ended = Promise.withResolvers<string>();
    const kill = () => {
      killed.push(directory);
      ended.resolve('killed');
    };
    const report = { provider: 'cpu', loadMs: 1, golden: {} };
    const wornOut = new Promise<void>(() => {});
    return { ended: ended.promise, wornOut, kill, report, listen: () => {} } as unknown as EngineProcess;
  };
  const catalogue = new Catalogue({
    repository: {
      list: async () => [],
      async open(_, version) {
        opened.push(version);
        if (broken.has(version)) throw new LoadError('broken');
        const batching = batchingSchema.parse({ max_batch_size: 1 });
        return { directory: version, manifest: { batching }, labels: [] } as unknown as ModelPackage;
      },
    },
    startEngine,
    devicesOf: () => [0],
    recycle: 'overlap',
    cacheOf: () => undefined,
    admission: CALM,
    restartMinMs: 100,
    restartMaxMs: 400,
    drainTimeoutMs: 1000,
    clock,
    log: createLogger({ service: 'test', level: 'silent' }),
    observe: () => ({ batchStarted: () => () => {} }),
    onChange: () => {},
  });
  const apply = async (...versions: string[]) => {
    catalogue.apply(table(...versions));
    await settled();
  };
  const statuses = () => Object.fromEntries(catalogue.all().map(({ version, status }) => [version, status]));
  return { catalogue, apply, statuses, opened, killed, broken, clock };
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

  it('gives the control version to callers who name none', async () => {
    const { catalogue, apply } = setUp();
    await apply('2', '9');
    expect(catalogue.find('m', '').version).toBe('2');
    await apply('9', '2');
    expect(catalogue.find('m', '').version).toBe('9');
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
});
