import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { ManualClock } from '@headgate/testkit/manual-clock';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigMapServer, type Failure } from '../testing/config-map-server.ts';
import { type WatchedConfigMap, watchConfigMap } from './watch-config-map.ts';

const schema = z.strictObject({ n: z.number() });
const MAX_BYTES = 50;

let clock: ManualClock;
let server: ConfigMapServer;
let copy: string;
let events: string[];
let map: WatchedConfigMap<{ n: number }>;

beforeEach(() => {
  copy = join(tempDir(), 'copy.yaml');
  reset();
});

afterEach(() => map?.stop());

function reset(): void {
  clock = new ManualClock();
  server = new ConfigMapServer(clock, 'n: 1');
  events = [];
  writeText(copy, 'n: 0');
}

async function start(): Promise<void> {
  map = await watchConfigMap({
    api: server,
    name: 'headgate-routing',
    key: 'routing.yaml',
    check: (document) => schema.parse(document),
    copy,
    maxBytes: MAX_BYTES,
    onChange: ({ n }) => events.push(`n=${n}`),
    onError: ({ issues }) => events.push(issues.join('; ')),
    onLost: () => events.push('lost'),
    onFound: () => events.push('found'),
    clock,
    random: () => 0.5,
  });
  await settle();
}

/** Lets everything run that can run without the clock. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await setImmediate();
}

async function pass(ms: number, stepMs = 100): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    clock.advance(Math.min(left, stepMs));
    await settle();
  }
}

describe('the start', () => {
  it('takes the ConfigMap, not the older copy, and reports no event for it', async () => {
    await start();
    expect(map.current()).toEqual({ n: 1 });
    expect(events).toEqual([]);
  });

  it('takes the copy while the API server is away, and the ConfigMap as soon as it answers', async () => {
    server.fail(undefined);
    await start();
    expect(map.current()).toEqual({ n: 0 });
    server.work();
    await pass(400);
    expect(map.current()).toEqual({ n: 1 });
    expect(events).toEqual(['lost', 'found', 'n=1']);
  });

  it('takes the copy where the ConfigMap is refused, and says so', async () => {
    server.edit('n: two');
    await start();
    expect(map.current()).toEqual({ n: 0 });
    expect(events).toEqual([expect.stringContaining('n: Invalid input')]);
  });

  it('fails where neither is good, and says what is wrong with each', async () => {
    server.edit(undefined);
    rmSync(copy);
    await expect(start()).rejects.toThrow(
      /copy.yaml is not usable: .*cannot be read; ConfigMap headgate-routing: it does not exist/,
    );
  });
});

describe('a change', () => {
  it('is in force as soon as its event is there', async () => {
    await start();
    server.edit('n: 2');
    await settle();
    expect(map.current()).toEqual({ n: 2 });
    expect(events).toEqual(['n=2']);
  });

  it.each([
    ['a bad table', 'n: two', /n: Invalid input/],
    ['no YAML', '{', /not valid YAML/],
    ['a table that is too large', `n: 1 #${'x'.repeat(MAX_BYTES)}`, /larger than 50 bytes/],
    ['a ConfigMap that is gone', undefined, /does not exist; create it again/],
  ])('keeps the last good table in place of %s, once, until a good one comes', async (_, text, issue) => {
    await start();
    server.edit(text);
    await settle();
    expect(events).toEqual([expect.stringMatching(issue)]);
    await pass(120_000, 1000);
    expect(map.current()).toEqual({ n: 1 });
    expect(events).toHaveLength(1);
    server.edit('n: 1');
    await settle();
    expect(events).toEqual([expect.any(String), 'n=1']);
  });

  it.each<[string, () => void]>([
    ['a version that is too old', () => server.breakWatches(410)],
    ['credentials that have expired', () => server.breakWatches(401)],
    ['a failure of the API server', () => server.breakWatches(500)],
    ['a broken connection', () => server.breakWatches(undefined)],
    ['its end', () => server.endWatches()],
  ])('that happens after %s is in force within a second', async (_, end) => {
    await start();
    end();
    server.edit('n: 2');
    await pass(1000);
    expect(map.current()).toEqual({ n: 2 });
    expect(server.watches).toBe(1);
  });

  it('that a silent watch does not show is in force within a minute', async () => {
    await start();
    server.silence();
    server.edit('n: 2');
    await pass(60_000, 1000);
    expect(map.current()).toEqual({ n: 2 });
  });
});

describe('an outage', () => {
  it('is reported once, is asked about at most every 200 ms and at least every 10 s, and ends at once', async () => {
    await start();
    const asked = server.listsMs.length;
    server.fail(503);
    await pass(60_000);
    const pauses = server.listsMs.slice(asked).map((ms, index, all) => ms - (all[index - 1] ?? 0));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(200);
    expect(pauses.at(-1)).toBe(10_000);
    expect(map.ageMs()).toBe(60_000);
    server.work();
    await pass(10_000);
    expect(events).toEqual(['lost', 'found']);
  });

  it('does not count while bookmarks arrive', async () => {
    await start();
    await pass(30_000, 1000);
    server.bookmark();
    await settle();
    expect(map.ageMs()).toBe(0);
  });
});

it('ends its watch when it is stopped, and changes nothing after that', async () => {
  await start();
  map.stop();
  server.edit('n: 2');
  await pass(60_000, 1000);
  expect(server.watches).toBe(0);
  expect(clock.pending).toBe(0);
  expect(map.current()).toEqual({ n: 1 });
  expect(events).toEqual([]);
});

const failures: Failure[] = [401, 403, 410, 429, 500, 503, undefined];
const step = fc.oneof(
  fc.record({ do: fc.constant('edit' as const), text: fc.constantFrom('n: 1', 'n: 2', 'n: 3', 'n: x', '{') }),
  fc.record({ do: fc.constant('fail' as const), status: fc.constantFrom(...failures) }),
  fc.record({ do: fc.constant('break' as const), status: fc.constantFrom(...failures) }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 20_000 }) }),
  fc.record({ do: fc.constantFrom('delete' as const, 'end' as const, 'silence' as const, 'work' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function apply(step: Step): Promise<void> {
  if (step.do === 'pass') return pass(step.ms, 1000);
  if (step.do === 'edit') server.edit(step.text);
  if (step.do === 'fail') server.fail(step.status);
  if (step.do === 'break') server.breakWatches(step.status);
  if (step.do === 'delete') server.edit(undefined);
  if (step.do === 'end') server.endWatches();
  if (step.do === 'silence') server.silence();
  if (step.do === 'work') server.work();
  return settle();
}

const isGood = (text: string | undefined) => text !== undefined && /^n: \d$/.test(text);

it('is right a minute and a pause after any sequence of edits and failures, and always has a good table', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      reset();
      await start();
      let accepted = map.current().n;
      for (const step of steps) {
        await apply(step);
        expect(map.ageMs()).toBeGreaterThanOrEqual(0);
      }
      server.work();
      await pass(71_000, 1000);
      const versions = events.filter((event) => !['lost', 'found'].includes(event));
      for (const event of versions) accepted = Number(/^n=(\d)$/.exec(event)?.[1] ?? accepted);
      expect(map.current().n).toBe(accepted);
      if (isGood(server.text)) expect(server.text).toBe(`n: ${map.current().n}`);
      expect(versions.at(-1)?.startsWith('n=') ?? true).toBe(isGood(server.text));
      expect(events.filter((event) => event === 'lost')).toHaveLength(
        events.filter((event) => event === 'found').length,
      );
      expect(server.watches).toBeLessThanOrEqual(1);
      expect(map.ageMs()).toBeLessThan(60_000);
      map.stop();
      await settle();
    }),
    { numRuns: 100 },
  );
});
