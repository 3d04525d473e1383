import { X509Certificate } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { RegistryState } from '@headgate/contracts/admin/api';
import { DAY_MS } from '@headgate/runtime/clock';
import { samplesOf } from '@headgate/runtime/exposition';
import { testConfig } from '@headgate/testkit/config';
import { tempDir } from '@headgate/testkit/folders';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../../../scripts/setup/certificates.ts';
import { AdminError } from '../api-env.ts';
import { atStart } from './at-start.ts';
import { type Check, ok } from './check.ts';
import { clockCheck } from './clock.ts';
import { Dependencies } from './dependencies.ts';
import { certificates, diskSpace, modelRepository } from './files.ts';
import { localEnvoy, readyProcesses } from './processes.ts';
import { REPORTED_NAMES, recordsDelivery, redis } from './reported.ts';
import { database, modelRegistry, routingSource } from './stores.ts';

const { signal } = new AbortController();
const REMEDY = 'do this';

/** State and detail, as text. */
async function found(check: Check): Promise<string> {
  const { state, detail, remedy } = await check.find(signal);
  expect(remedy === '').toBe(state === 'ok' || state === 'off');
  return `${state}: ${detail}`;
}

describe('the dependencies', () => {
  it('are checked at once, and again after five seconds', async () => {
    const clock = new ManualClock();
    let looks = 0;
    const check = (name: string): Check => ({ name, remedy: REMEDY, find: () => ok(`${++looks}`) });
    const dependencies = new Dependencies({ checks: [check('a'), check('b')], clock });
    const first = await dependencies.all();
    expect(first.map(({ name, detail }) => [name, detail])).toEqual([
      ['a', '1'],
      ['b', '2'],
    ]);
    clock.advance(4999);
    expect(await dependencies.all()).toBe(first);
    clock.advance(1);
    await dependencies.all();
    expect(looks).toBe(4);
  });

  it('that throw, or answer nothing within two seconds, are down; the others are shown', async () => {
    const clock = new ManualClock();
    const cause = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
    let isAborted = false;
    const hangs = (late: AbortSignal) =>
      new Promise<never>(() => late.addEventListener('abort', () => (isAborted = true)));
    const checks: Check[] = [
      { name: 'hangs', remedy: REMEDY, find: hangs },
      { name: 'throws', remedy: REMEDY, find: () => Promise.reject(new Error('failed', { cause })) },
      {
        name: 'throws at once',
        remedy: REMEDY,
        find: () => {
          throw new Error('bad');
        },
      },
      { name: 'works', remedy: REMEDY, find: () => ok('') },
    ];
    const all = new Dependencies({ checks, clock }).all();
    await new Promise(setImmediate);
    clock.advance(2000);
    expect((await all).map(({ state, detail, remedy }) => [state, detail, remedy])).toEqual([
      ['down', 'no answer within 2 s', REMEDY],
      ['down', 'does not answer (ECONNREFUSED)', REMEDY],
      ['down', 'bad', REMEDY],
      ['ok', '', ''],
    ]);
    expect([isAborted, clock.pending]).toEqual([true, 0]);
  });
});

describe('a part that starts', () => {
  function lookAt(find: Check['find']) {
    const clock = new ManualClock();
    const check = atStart({ name: 'store', remedy: REMEDY, find }, clock.monotonicMs);
    const dependencies = new Dependencies({ checks: [check], clock });
    return async (afterMs: number) => {
      clock.advance(afterMs);
      const all = dependencies.all();
      await new Promise(setImmediate);
      clock.advance(2000);
      return (await all)[0]?.state;
    };
  }

  it('is starting until it is in order once, for a minute', async () => {
    let state: 'down' | 'ok' = 'down';
    const look = lookAt(() => ({ state, detail: '', remedy: '' }));
    expect([await look(0), await look(50_000), await look(6000)]).toEqual(['starting', 'starting', 'down']);
    state = 'ok';
    expect(await look(5000)).toBe('ok');
  });

  it('is down again where it was in order before', async () => {
    let state: 'down' | 'ok' = 'ok';
    const look = lookAt(() => ({ state, detail: '', remedy: '' }));
    await look(0);
    state = 'down';
    expect(await look(5000)).toBe('down');
  });

  it('may answer nothing in time', async () => {
    const look = lookAt(() => new Promise(() => undefined));
    expect([await look(0), await look(58_000)]).toEqual(['starting', 'down']);
  });
});

describe('processes', () => {
  const pages: Record<string, { status: number; text: string } | undefined> = {
    good: { status: 200, text: '' },
    draining: { status: 503, text: '{"reasons":["the gateway is draining"]}' },
    strange: { status: 503, text: '<html>' },
  };
  const read = async (url: string) => {
    const page = pages[new URL(url).hostname];
    if (!page) throw new Error('refused');
    return page;
  };
  const of = (...addresses: string[]) =>
    readyProcesses('gateway', { addresses: async () => addresses, remedy: REMEDY, read });

  it('are as ready as they say', async () => {
    expect(await found(of('good', 'good'))).toBe('ok: 2 of 2 ready');
    expect(await found(of('good', 'draining', 'gone'))).toBe(
      'degraded: 1 of 3 ready; draining is not ready: the gateway is draining; gone does not answer',
    );
    expect(await found(of('strange'))).toBe('down: 0 of 1 ready; strange is not ready: no reason given');
    expect(await found(of())).toBe('down: its name has no address');
  });

  it('include an Envoy where one was started', async () => {
    const config = testConfig({ HEADGATE_LISTEN__PORT_BASE: '9000' });
    const answers = (status: number) => async (url: string) => {
      expect(url).toBe('http://127.0.0.1:9008/ready');
      return { status, text: '' };
    };
    expect(await found(localEnvoy(config, tempDir(), answers(200)))).toMatch(/^off/);
    const root = tempDir({ 'state/envoy/9000.json': '{}' });
    expect(await found(localEnvoy(config, root, answers(200)))).toMatch(/^ok/);
    expect(await found(localEnvoy(config, root, answers(503)))).toMatch(/^down: answers 503/);
  });
});

describe('what gateways report', () => {
  const report =
    (...pages: string[]) =>
    async () =>
      new Map(pages.map((page, index) => [`g${index}`, samplesOf(page, REPORTED_NAMES)]));
  const mode = (shared: number) =>
    `headgate_quota_mode{mode="shared"} ${shared}\nheadgate_quota_mode{mode="closed"} ${1 - shared}`;

  it('tells whether they count together', async () => {
    expect(await found(redis(report('')))).toMatch(/^off/);
    expect(await found(redis(report(mode(1), mode(1))))).toMatch(/^ok/);
    expect(await found(redis(report(mode(1), mode(0))))).toBe('down: 1 of 2 gateways go without it: closed');
    expect(await found(redis(report()))).toMatch(/^degraded: unknown, because no gateway/);
  });

  it('tells whether their records arrive', async () => {
    const page = (down: number, waiting: number) =>
      `headgate_records_sink_down ${down}\nheadgate_records_undelivered_items ${waiting}`;
    expect(await found(recordsDelivery(testConfig(), report(page(0, 3), page(0, 4))))).toBe(
      'ok: 7 records wait in the spools',
    );
    expect(await found(recordsDelivery(testConfig(), report(page(0, 3), page(1, 40))))).toBe(
      'down: 1 of 2 gateways cannot deliver; 43 records wait in the spools',
    );
    const none = testConfig({ HEADGATE_RECORDS__SINK: 'none' });
    expect(await found(recordsDelivery(none, report()))).toMatch(/^off/);
  });
});

describe('files', () => {
  it('of models are counted where they are', async () => {
    const root = tempDir();
    expect(await found(modelRepository(testConfig(), root))).toMatch(/^off/);
    mkdirSync(join(root, 'models'));
    expect(await found(modelRepository(testConfig(), root))).toMatch(/^degraded/);
    mkdirSync(join(root, 'models/digits'));
    expect(await found(modelRepository(testConfig(), root))).toMatch(/^ok: models: 1, in /);
    const inCluster = testConfig({ HEADGATE_ROUTING_CONFIG_MAP: 'headgate-routing' });
    expect(await found(modelRepository(inCluster, root))).toMatch(/^off/);
  });

  it('have room, as the disk says', async () => {
    expect(await found(diskSpace(tempDir()))).toMatch(/: [\d.]+ GiB of [\d.]+ GiB free$/);
  });

  it('of certificates are told of two weeks before their end', async () => {
    const authority = await createAuthority('An authority');
    const { certificate } = await authority.issue('localhost', 'server');
    const endMs = new X509Certificate(certificate).validToDate.getTime();
    const root = tempDir({ 'state/tls/internal/tls.crt': certificate });
    const at = (nowMs: number) => found(certificates(testConfig(), root, () => nowMs));
    expect(await at(endMs - 14 * DAY_MS)).toMatch(/^ok: the next one ends in 14 days/);
    expect(await at(endMs - 14 * DAY_MS + 1)).toMatch(/^degraded: the next one ends in 13 days/);
    expect(await at(endMs)).toMatch(/^down: .*tls\.crt ended at/);
    expect(await found(certificates(testConfig(), tempDir(), Date.now))).toMatch(/^off/);
    const broken = tempDir({ 'state/tls/public/tls.crt': 'no certificate' });
    await expect(found(certificates(testConfig(), broken, Date.now))).rejects.toThrow();
  });
});

describe('stores', () => {
  const store = (query: () => Promise<{ rows: [] }>) =>
    database('audit store', { query, script: async () => undefined }, 'postgres');

  it('answer, fail, or are not there', async () => {
    expect(await found(store(async () => ({ rows: [] })))).toBe('ok: PostgreSQL answers');
    expect(await found(database('audit store', undefined, 'none'))).toMatch(/^off/);
    expect(await found(database('audit store', undefined, 'embedded'))).toMatch(
      /^degraded: unknown, because control/,
    );
    await expect(found(store(() => Promise.reject(new Error('gone'))))).rejects.toThrow('gone');
  });

  it('of models are optional, and never down', async () => {
    const check = (state: RegistryState['state'], detail = '') =>
      modelRegistry(() => ({ state, detail, checked_at_ms: null }), 'http://mlflow');
    expect(await found(check('ok'))).toBe('ok: MLflow answers');
    expect(await found(check('unreachable', 'It is away.'))).toBe('degraded: It is away.');
    expect(await found(modelRegistry(undefined, ''))).toBe('off: none is configured');
    expect(await found(modelRegistry(undefined, 'http://mlflow'))).toMatch(/^degraded: unknown, because/);
  });

  it('of routing tell of a table that is refused, not taken, or not read', async () => {
    const snapshot = { revision: 'r7', refused: [] as string[], source: 'file' };
    const table = (more: Partial<typeof snapshot> = {}, stale = 0) => {
      const routing = {
        snapshot: { ...snapshot, ...more },
        current() {
          return this.snapshot as never;
        },
      };
      return found(routingSource(routing, async () => stale));
    };
    expect(await table()).toBe('ok: file, revision r7');
    expect(await table({ refused: ['models: bad'] })).toBe(
      'degraded: the newest one is refused: models: bad',
    );
    expect(await table({}, 2)).toMatch(/^degraded: 2 gateways did not take/);
    const current = () => {
      throw new AdminError('store_unavailable', 'It has not been read yet.');
    };
    expect(await found(routingSource({ current }, async () => 0))).toBe('down: It has not been read yet.');
  });
});

it("the clock is compared with the gateways'", async () => {
  const dates: Record<string, number> = { a: 10_000, b: 13_500 };
  const dateOf = async (address: string) => dates[address] ?? Promise.reject(new Error('gone'));
  const at = (...addresses: string[]) =>
    found(
      clockCheck(
        async () => addresses,
        () => 10_000,
        dateOf,
      ),
    );
  expect(await at('a', 'gone')).toBe("ok: as the gateways' (asked: 1)");
  expect(await at('a', 'b')).toMatch(/^degraded: 4 s away/);
  expect(await at('gone')).toMatch(/^off/);
});
