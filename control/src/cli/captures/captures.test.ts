import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PORT_OFFSET } from '@headgate/contracts/names';
import type { OutcomeRecord } from '@headgate/contracts/records';
import { keyedHash } from '@headgate/runtime/keyed-hash';
import { folderStore } from '@headgate/stores/capture/folder-store';
import { captureDay } from '@headgate/stores/capture/store';
import { judgedImages } from '@headgate/stores/records/judged';
import { sqlSink } from '@headgate/stores/records/sql-sink';
import { allOf, imageOf, keyOf } from '@headgate/stores/testing/captures';
import { idAt, NOW_MS, outcomeOf, predictionOf } from '@headgate/stores/testing/records';
import { tempDir } from '@headgate/testkit/folders';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readLog } from '../../audit/read-log.ts';
import { createInternalServer } from '../../internal-server.ts';
import { type EmbeddedDatabase, embeddedDatabase } from '../../store/embedded-database.ts';
import { headgate } from '../../testing/command-line.ts';
import { emptyStore } from '../../testing/record-store.ts';

const HASH_KEY = 'ab'.repeat(32);
const unitOf = (name: string) => keyedHash(Buffer.from(HASH_KEY, 'hex'), 'unit', name);
const DAY = captureDay(NOW_MS);
const { signal } = new AbortController();

let dir: string;
let db: EmbeddedDatabase;
let server: ReturnType<typeof createInternalServer>;
let port: number;

beforeAll(async () => {
  db = embeddedDatabase();
  const sink = sqlSink({ db, retentionDays: 90, now: () => NOW_MS });
  const judged = (query: Parameters<typeof judgedImages>[1]) => judgedImages(db, query);
  server = createInternalServer({
    sink,
    judged,
    registry: new Registry(),
    logger: { error: () => undefined },
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  await sink.deliver([], signal);
}, 60_000);
afterAll(async () => {
  server.close();
  await db.close();
});

beforeEach(async () => {
  dir = tempDir();
  writeFileSync(join(dir, 'records.key'), `${HASH_KEY}\n`);
  await emptyStore(db);
});

const run = (argv: readonly string[], env = {}) =>
  headgate(['captures', ...argv], {
    fetch,
    env: {
      HEADGATE_CAPTURE__STORE: 'folder',
      HEADGATE_CAPTURE__DIR: join(dir, 'captures'),
      HEADGATE_RECORDS__HASH_KEY_FILE: join(dir, 'records.key'),
      HEADGATE_LISTEN__PORT_BASE: String(port - PORT_OFFSET.control),
      ...env,
    },
  });
const store = () => folderStore(join(dir, 'captures'));

/** A captured image with its prediction, and the feedback on it. */
async function captured(number: number, unit: string, feedback: readonly Partial<OutcomeRecord>[] = []) {
  const image = imageOf(number);
  const key = keyOf(DAY, unitOf(unit), image);
  await store().put(key, image, signal);
  const sink = sqlSink({ db, retentionDays: 90, now: () => NOW_MS });
  const ids = feedback.length === 0 ? [0] : feedback.map((_, i) => i);
  for (const i of ids) {
    const id = idAt(NOW_MS, number * 10 + i);
    const prediction = predictionOf({ id, unit: unitOf(unit), image_sha256: key.sha256 });
    const outcome = feedback[i];
    await sink.deliver([prediction, ...(outcome ? [outcomeOf({ id, ...outcome })] : [])], signal);
  }
  return key.sha256;
}

describe('headgate captures list', () => {
  it('counts images, people and bytes of each day', async () => {
    expect((await run(['list'])).out).toBe('no image is kept\n');
    await captured(1, 'alice');
    await captured(2, 'alice');
    await captured(3, 'bob');
    const { code, out } = await run(['list', '--json']);
    const bytes = 3 * imageOf(1).byteLength;
    expect([code, JSON.parse(out)]).toEqual([0, { days: [{ day: DAY, images: 3, units: 2, bytes }] }]);
  });

  it('says so where nothing is captured', async () => {
    expect((await run(['list'], { HEADGATE_CAPTURE__STORE: 'none' })).code).toBe(2);
  });
});

describe('headgate captures erase', () => {
  it('removes all images of a person by the name that callers use, and those of nobody else', async () => {
    await captured(1, 'alice');
    await captured(2, 'alice');
    await captured(2, 'bob');
    expect(JSON.parse((await run(['erase', '--unit', 'alice', '--json'])).out)).toEqual({ erased: 2 });
    expect((await allOf(store())).map(({ unit }) => unit)).toEqual([unitOf('bob')]);
  });

  it('removes every copy of an image by its digest', async () => {
    await captured(1, 'alice');
    const digest = await captured(1, 'bob');
    await captured(2, 'bob');
    expect((await run(['erase', '--digest', digest.toUpperCase()])).out).toMatch(/^2 images erased/);
    expect(await allOf(store())).toHaveLength(1);
  });

  it.each([
    ['--unit', 'nobody'],
    ['--digest', '0'.repeat(64)],
  ])('ends as not found where nothing is kept under %s %s', async (...named) => {
    await captured(1, 'alice');
    const { code, err } = await run(['erase', ...named]);
    expect([code, err]).toEqual([4, expect.stringContaining('no such image is kept')]);
    expect(await allOf(store())).toHaveLength(1);
  });

  it('is on record, with the unit as its hash; and erases nothing that cannot be put on record', async () => {
    await captured(1, 'alice');
    const audit = { HEADGATE_AUDIT__SINK: 'file', HEADGATE_AUDIT__KEYS_DIR: join(dir, 'pseudonyms') };
    const at = (log: string) => ({
      ...audit,
      HEADGATE_AUDIT__DIR: join(dir, log),
      HEADGATE_AUDIT__HEADS_FILE: join(dir, 'heads'),
    });
    // No directory can be made where a file is.
    expect((await run(['erase', '--unit', 'alice'], at('records.key'))).code).toBe(1);
    expect(await allOf(store())).toHaveLength(1);
    expect((await run(['erase', '--unit', 'alice'], at('log'))).code).toBe(0);
    const [writer = ''] = readdirSync(join(dir, 'log'));
    const lines: string[] = [];
    for await (const bytes of readLog(join(dir, 'log', writer)))
      lines.push(Buffer.from(bytes).toString('latin1'));
    expect(lines.map((line) => /"outcome":"(\w+)"/.exec(line)?.[1])).toEqual(['attempted', 'accepted']);
    expect(lines[0]).toContain(unitOf('alice'));
    expect(lines.join()).not.toContain('alice');
  });

  it.each([[[]], [['--unit', 'a', '--digest', 'b']], [['--digest', 'abc']]])(
    'removes nothing for %j',
    async (options) => {
      await captured(1, 'alice');
      expect((await run(['erase', ...options])).code).toBe(2);
      expect(await allOf(store())).toHaveLength(1);
    },
  );

  it.each(['', 'no key', HASH_KEY.slice(2)])('takes %j for no key of its hash', async (text) => {
    await captured(1, 'alice');
    writeFileSync(join(dir, 'records.key'), text);
    const { code, err } = await run(['erase', '--unit', 'alice']);
    expect([code, err]).toEqual([4, expect.stringContaining('the key of the hashes of units is not in')]);
    expect(await allOf(store())).toHaveLength(1);
  });

  it('does not guess a unit without the key of its hash', async () => {
    expect(
      (await run(['erase', '--unit', 'a'], { HEADGATE_RECORDS__HASH_KEY_FILE: join(dir, 'no') })).code,
    ).toBe(4);
  });
});

describe('headgate captures export', () => {
  const lines = (out: string) =>
    readFileSync(join(out, 'manifest.jsonl'), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));

  it('writes captured images with feedback, and only those', async () => {
    const judged = await captured(1, 'alice', [{ label: 'tabby', class_id: null }]);
    await captured(2, 'alice');
    const notCaptured = await captured(3, 'alice', [{ label: 'dog' }]);
    await store().remove(keyOf(DAY, unitOf('alice'), imageOf(3)), signal);
    const byStranger = await captured(4, 'bob', [{ label: 'dog', tenant: 'f'.repeat(32) }]);
    const out = join(dir, 'dataset');
    const { code, out: text } = await run(['export', '--out', out, '--json']);
    expect([code, JSON.parse(text)]).toMatchObject([0, { images: 1, unjudged: 2, disputed: 0, missing: 0 }]);
    expect(lines(out)).toEqual([
      {
        image: `images/${judged}.webp`,
        sha256: judged,
        label: 'tabby',
        class_id: null,
        model: 'net',
        version: '1',
        predicted_label: 'tiger cat',
        prediction_id: idAt(NOW_MS, 10),
        index: 0,
        captured_on: DAY,
      },
    ]);
    expect(readFileSync(join(out, `images/${judged}.webp`))).toEqual(imageOf(1));
    expect(readdirSync(join(out, 'images'))).toHaveLength(1);
    expect(statSync(join(out, 'manifest.jsonl')).mode & 0o777).toBe(0o600);
    const manifest = readFileSync(join(out, 'manifest.jsonl'), 'utf8');
    for (const absent of [notCaptured, byStranger, 'alice', unitOf('alice')]) {
      expect(manifest).not.toContain(absent);
    }
  });

  it('joins what several callers say of one image, and leaves it out where they disagree', async () => {
    const agreed = await captured(1, 'alice', [{ label: 'tabby' }, { label: null, class_id: 281 }]);
    await captured(2, 'alice', [{ label: 'tabby' }, { label: 'dog' }]);
    const out = join(dir, 'dataset');
    expect(JSON.parse((await run(['export', '--out', out, '--json'])).out)).toMatchObject({
      images: 1,
      disputed: 1,
    });
    expect(lines(out)).toMatchObject([{ sha256: agreed, label: 'tabby', class_id: 281 }]);
  });

  it('finds all feedback, however many pages it fills', async () => {
    const numbers = Array.from({ length: 1100 }, (_, i) => i);
    const sha = numbers.map((i) => keyOf(DAY, unitOf('alice'), imageOf(i)).sha256);
    const sink = sqlSink({ db, retentionDays: 90, now: () => NOW_MS });
    const at = (i: number) => ({ id: idAt(NOW_MS + (i % 3), i) });
    await sink.deliver(
      numbers.flatMap((i) => [
        predictionOf({ ...at(i), unit: unitOf('alice'), image_sha256: sha[i] ?? null }),
        outcomeOf(at(i)),
      ]),
      signal,
    );
    for (const i of [0, 1, 1098, 1099]) {
      await store().put(keyOf(DAY, unitOf('alice'), imageOf(i)), imageOf(i), signal);
    }
    const { out } = await run(['export', '--out', join(dir, 'dataset'), '--json']);
    expect(JSON.parse(out)).toMatchObject({ images: 4, unjudged: 0 });
  });

  it('leaves out an image that is not any more what its digest says', async () => {
    const digest = await captured(1, 'alice', [{ label: 'tabby' }]);
    writeFileSync(join(dir, 'captures', DAY, unitOf('alice'), digest), 'something else');
    const { out } = await run(['export', '--out', join(dir, 'dataset'), '--json']);
    expect(JSON.parse(out)).toMatchObject({ images: 0, missing: 1 });
  });

  it('mixes with no earlier export', async () => {
    expect((await run(['export', '--out', dir])).code).toBe(5);
  });

  it('says what to do where nobody can be asked', async () => {
    await captured(1, 'alice');
    const { code, err } = await run(['export', '--out', join(dir, 'dataset')], {
      HEADGATE_LISTEN__PORT_BASE: '1024',
    });
    expect([code, err]).toEqual([1, expect.stringContaining('start the service')]);
  });
});
