import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GENESIS, type Head, unlink } from '@headgate/journal/audit/chain';
import { type AnchoredHead, headLine, parseHeads } from '@headgate/journal/audit/heads';
import { encodeFrames, scanFrames } from '@headgate/journal/spool/frame';
import { AUDIT_WRITER, testAudit } from '@headgate/journal/testing/audit';
import { DAY_MS } from '@headgate/runtime/clock';
import { tempDir } from '@headgate/testkit/folders';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type EmbeddedDatabase, embeddedDatabase } from '../store/embedded-database.ts';
import { emptyAudit, shipOnce } from '../testing/audit-store.ts';
import { forged, forgedTrim, MINUTE_MS, writeLog } from '../testing/forgeries.ts';
import { sqlAuditStore } from './store/audit-store.ts';
import { layOut } from './store/layout.ts';
import { StoreNotAskedError, storedChains } from './verify.ts';
import { type LogsToVerify, verifyLogs } from './verify-logs.ts';

/** Records of the test log, all of them stored: 40 calls, an anchor after every tenth, in files of a few each. */
const STORED = 44;
const KEEP_MS = 30 * DAY_MS;

let db: EmbeddedDatabase;
let nowMs: number;
/** As the writer left it; each test tampers with a copy. */
let original: string;
let dir: string;

beforeAll(async () => {
  db = embeddedDatabase();
  await layOut(db);
  original = mkdtempSync(join(tmpdir(), 'headgate-evidence-'));
  nowMs = await writeLog(original, 4);
  await ship(original);
}, 60_000);
afterAll(async () => {
  await db.close();
  rmSync(original, { recursive: true, force: true });
});
beforeEach(() => {
  dir = tempDir();
  cpSync(original, dir, { recursive: true });
});

const logDir = (writer = AUDIT_WRITER) => join(dir, 'log', writer);
const headsFile = () => join(dir, 'heads.jsonl');
const ship = (from: string, report = {}) =>
  shipOnce({ dir: join(from, 'log'), headsFile: join(from, 'heads.jsonl') }, db, report);

async function restore(): Promise<void> {
  await emptyAudit(db);
  await ship(original);
}

/** The clock of the store tells what the clock of the writer does. */
const askStore: LogsToVerify['askStore'] = async (logs) => {
  const chains = await storedChains(sqlAuditStore(db), logs);
  return chains.map((chain) => ({ ...chain, end: chain.end && { ...chain.end, stored_at_ms: nowMs } }));
};

const look = (options: Partial<LogsToVerify> = {}) =>
  verifyLogs({
    dir: join(dir, 'log'),
    headsFile: headsFile(),
    headsAreCopy: false,
    askStore,
    storeIsShared: false,
    only: undefined,
    keepMs: KEEP_MS,
    maxBytes: 2 ** 30,
    nowMs: () => nowMs,
    ...options,
  });

/** What is wrong, by writers. */
const faults = async (options: Partial<LogsToVerify> = {}) =>
  (await look(options)).logs.flatMap(({ writer, fault }) =>
    fault ? [`${writer} ${fault.seq} ${fault.kind}`] : [],
  );

const filesOf = (writer?: string) =>
  readdirSync(logDir(writer))
    .filter((name) => name.endsWith('.log'))
    .sort();
const payloadsIn = (name: string) =>
  scanFrames(readFileSync(join(logDir(), name))).frames.map(({ payload }) => payload);
const heads = (): readonly AnchoredHead[] => parseHeads(readFileSync(headsFile(), 'utf8'));
const writeHeads = (list: readonly AnchoredHead[]) => writeFileSync(headsFile(), list.map(headLine).join(''));

/** Replaces all files of the log by one with these records. */
function replaceLog(records: readonly Uint8Array[]): void {
  for (const name of filesOf()) rmSync(join(logDir(), name));
  const frames = records.map((payload, i) => ({ sequence: i + 1, kind: 'record' as const, payload }));
  writeFileSync(join(logDir(), '0000000000000001.log'), encodeFrames(frames));
}

it('finds nothing in a log as its writer left it, and counts it against the store', async () => {
  const { logs, unchecked } = await look();
  expect(unchecked).toEqual([]);
  expect(logs).toMatchObject([
    { records: STORED, stored: STORED, anchors: 4, removed: 0, unconfirmed: 0, fault: null },
  ]);
});

describe('a removed beginning', () => {
  const cutUpTo = (head: Head, extra: readonly Uint8Array[] = []) => {
    const all = filesOf().flatMap(payloadsIn);
    replaceLog([...all.slice(head.seq), ...extra]);
  };

  it.each([0, 1, 2, 3])(
    'is found though a forged record says that it was to go, up to head %i',
    async (i) => {
      const [upTo, last] = [heads()[i] as AnchoredHead, heads().at(-1) as AnchoredHead];
      const trim = forgedTrim(last, upTo, nowMs);
      cutUpTo(upTo, [trim.bytes]);
      expect(await faults()).toEqual([`${AUDIT_WRITER} 1 removed`]);
      writeHeads([...heads(), { ...trim.head, writer: AUDIT_WRITER, atMs: nowMs }]);
      expect(await faults()).toEqual([`${AUDIT_WRITER} 1 removed`]);
      // Bytes that are no records make no log half full, and a time that is far away makes nothing old.
      writeFileSync(join(logDir(), '9999999999999999.log'), Buffer.alloc(2 ** 24));
      expect(await faults({ maxBytes: 2 ** 25 })).toEqual([`${AUDIT_WRITER} 1 removed`]);
      const later = forgedTrim(last, upTo, nowMs + 1000 * DAY_MS);
      cutUpTo({ ...GENESIS }, [later.bytes]);
      expect(await faults()).not.toEqual([]);
    },
  );

  it('is none where its records are stored and older than they are kept, and the log says so', async () => {
    const [upTo, last] = [heads()[1] as AnchoredHead, heads().at(-1) as AnchoredHead];
    const later = { nowMs: () => nowMs + 2 * KEEP_MS };
    cutUpTo(upTo);
    expect(await faults(later)).toEqual([`${AUDIT_WRITER} 1 removed`]);
    cutUpTo(GENESIS, [forgedTrim(last, upTo, nowMs).bytes]);
    expect(await faults(later)).toEqual([]);
    expect((await look(later)).logs).toMatchObject([{ removed: upTo.seq, stored: STORED, unconfirmed: 1 }]);
  });

  it('is found where the store confirmed less', async () => {
    const { last } = forged(heads().at(-1) as AnchoredHead, 10);
    const trim = forgedTrim(last, last, nowMs);
    replaceLog([trim.bytes]);
    writeHeads([...heads(), { ...last, writer: AUDIT_WRITER, atMs: nowMs }]);
    expect(await faults({ nowMs: () => nowMs + 2 * KEEP_MS })).toEqual([`${AUDIT_WRITER} 1 removed`]);
  });

  it('is found where the head up to which it goes is not that of the store', async () => {
    const other = forged(GENESIS, 11).last;
    const rest = forged(other, STORED);
    replaceLog([...rest.records, forgedTrim(rest.last, other, nowMs).bytes]);
    writeHeads([...heads(), { ...other, writer: AUDIT_WRITER, atMs: nowMs }]);
    expect(await faults({ nowMs: () => nowMs + 2 * KEEP_MS })).toEqual([`${AUDIT_WRITER} 12 altered`]);
  });

  it('is not checked where no store answers', async () => {
    const [upTo, last] = [heads()[1] as AnchoredHead, heads().at(-1) as AnchoredHead];
    cutUpTo(upTo, [forgedTrim(last, upTo, nowMs).bytes]);
    const askStore = () => Promise.reject(new StoreNotAskedError(new Error('nobody answers')));
    expect((await look({ askStore })).unchecked).toEqual([
      'the store was not asked: nobody answers',
      `${AUDIT_WRITER}: the records up to ${upTo.seq} are removed, and no store was asked for them`,
    ]);
    const fault = new TypeError('a fault of this program');
    await expect(look({ askStore: () => Promise.reject(fault) })).rejects.toBe(fault);
  });
});

describe('the heads file', () => {
  it.each([
    ['is gone', () => rmSync(headsFile())],
    ['is empty', () => writeFileSync(headsFile(), '')],
    ['is damaged', () => writeFileSync(headsFile(), Buffer.alloc(1000, 'x'))],
    ['is damaged by lines', () => writeFileSync(headsFile(), 'damaged\n'.repeat(10))],
    ['lacks its first head', () => writeHeads(heads().slice(1))],
    ['lacks its last head', () => writeHeads(heads().slice(0, -1))],
    [
      'holds those of another writer',
      () => writeHeads(heads().map((head) => ({ ...head, writer: 'another' }))),
    ],
  ])('that %s is a fault, also without the store where nothing is left', async (_how, tamper) => {
    tamper();
    expect((await faults()).some((fault) => fault.startsWith(`${AUDIT_WRITER} `))).toBe(true);
    const later = { askStore: undefined, nowMs: () => nowMs + MINUTE_MS };
    const { logs, unchecked } = await look(later);
    expect(unchecked.length + logs.filter(({ fault }) => fault).length).toBeGreaterThan(0);
  });

  it('of another store is a fault', async () => {
    const other = tempDir();
    await writeLog(other, 4);
    const strange = parseHeads(readFileSync(join(other, 'heads.jsonl'), 'utf8'));
    writeHeads(strange.map((head) => ({ ...head, hash: Buffer.alloc(32, 7) })));
    expect(await faults()).toEqual([`${AUDIT_WRITER} 11 replaced`]);
  });

  it('counts with those that it was rotated to, and a line that is no head is named', async () => {
    cpSync(headsFile(), `${headsFile()}.1`);
    writeHeads([]);
    expect(await faults()).toEqual([]);
    appendFileSync(headsFile(), 'damaged\n');
    expect((await look()).unchecked).toEqual([expect.stringContaining('1 lines of')]);
  });
});

describe('what the store has and no log', () => {
  it.each([
    ['the directory of the writer', () => rmSync(logDir(), { recursive: true })],
    ['the directory of all logs', () => rmSync(join(dir, 'log'), { recursive: true })],
    ['everything', () => rmSync(dir, { recursive: true })],
    [
      'all files of the log',
      () =>
        filesOf().forEach((name) => {
          rmSync(join(logDir(), name));
        }),
    ],
    ['the newest file', () => rmSync(join(logDir(), filesOf().at(-1) as string))],
    ['the oldest file', () => rmSync(join(logDir(), filesOf()[0] as string))],
    ['a file in the middle', () => rmSync(join(logDir(), filesOf()[5] as string))],
    [
      'a link in place of the directory',
      () => {
        cpSync(logDir(), join(dir, 'elsewhere'), { recursive: true });
        rmSync(logDir(), { recursive: true });
        symlinkSync(join(dir, 'elsewhere'), logDir());
      },
    ],
    [
      'a link in place of a file',
      () => {
        const path = join(logDir(), filesOf()[5] as string);
        cpSync(path, join(dir, 'elsewhere'));
        rmSync(path);
        symlinkSync(join(dir, 'elsewhere'), path);
      },
    ],
    [
      'half a frame',
      () => {
        const path = join(logDir(), filesOf()[5] as string);
        writeFileSync(path, readFileSync(path).subarray(0, -3));
      },
    ],
    [
      'half of the last frame',
      () => {
        const path = join(logDir(), filesOf().at(-1) as string);
        writeFileSync(path, readFileSync(path).subarray(0, -3));
      },
    ],
    [
      'a file of another name',
      () => {
        const name = filesOf()[5] as string;
        cpSync(join(logDir(), name), join(logDir(), '9999999999999999.log'));
        rmSync(join(logDir(), name));
      },
    ],
  ])('is a fault: %s', async (_what, tamper) => {
    tamper();
    expect(await faults()).toHaveLength(1);
    // Going on does not heal it.
    mkdirSync(logDir(), { recursive: true });
    const end = existsSync(headsFile()) ? (heads().at(-1) ?? GENESIS) : GENESIS;
    writeFileSync(
      join(logDir(), '9999999999999999.log'),
      encodeFrames([{ sequence: 99, kind: 'record', payload: forged(end, 1).records[0] as Uint8Array }]),
    );
    expect(await faults()).not.toEqual([]);
  });

  it('is none once all of it is stored for longer than logs are kept', async () => {
    rmSync(logDir(), { recursive: true });
    expect(await faults({ nowMs: () => nowMs + KEEP_MS - MINUTE_MS })).toHaveLength(1);
    expect(await faults({ nowMs: () => nowMs + KEEP_MS + MINUTE_MS })).toEqual([]);
  });

  it('is not checked where machines share the store and nothing here tells of the writer', async () => {
    rmSync(dir, { recursive: true });
    mkdirSync(join(dir, 'log'), { recursive: true });
    const { logs, unchecked } = await look({ storeIsShared: true });
    expect(logs).toMatchObject([{ fault: null }]);
    expect(unchecked).toEqual([expect.stringContaining('its log is not here')]);
    expect(await faults({ storeIsShared: true, only: [AUDIT_WRITER] })).toHaveLength(1);
    expect(await look({ storeIsShared: true, only: ['other'] })).toEqual({
      logs: [],
      unchecked: [expect.stringContaining('other: neither')],
    });
  });
});

describe('a history that is another one', () => {
  it('is found after the directory was put back to an older copy, also when its writer goes on', async () => {
    rmSync(dir, { recursive: true });
    cpSync(original, dir, { recursive: true });
    const old = heads().slice(0, 2);
    replaceLog(filesOf().flatMap(payloadsIn).slice(0, old.at(-1)?.seq));
    writeHeads(old);
    expect(await faults()).toEqual([`${AUDIT_WRITER} 23 truncated`]);
    await writeLog(dir, 1);
    expect(await faults()).toEqual([`${AUDIT_WRITER} 33 replaced`]);
    const shown: unknown[] = [];
    await ship(dir, { fault: (writer: string) => shown.push(writer) });
    expect(shown).toEqual([AUDIT_WRITER]);
    await writeLog(dir, 3);
    expect(await faults()).toEqual([`${AUDIT_WRITER} 33 replaced`]);
  });

  it('is found after everything was removed and the writer began again', async () => {
    rmSync(dir, { recursive: true });
    const { audit } = await testAudit(dir);
    expect(audit.found.begins).toBe(true);
    await audit.close();
    await writeLog(dir, 6);
    expect(await faults()).toEqual([`${AUDIT_WRITER} 11 replaced`]);
    // Its later heads are stored, and so the attempt is on record for good.
    onTestFinished(restore);
    await ship(dir);
    expect(await sqlAuditStore(db).last(AUDIT_WRITER)).toMatchObject({ seq: STORED });
    rmSync(dir, { recursive: true });
    cpSync(original, dir, { recursive: true });
    expect(await faults()).toEqual([`${AUDIT_WRITER} 45 truncated`]);
  });

  it('is found where two writers have each other’s log, or one name', async () => {
    const records = forged(GENESIS, 5, 'gateway-2').records;
    mkdirSync(logDir('gateway-2'));
    writeFileSync(
      join(logDir('gateway-2'), '0000000000000001.log'),
      encodeFrames(records.map((payload, i) => ({ sequence: i + 1, kind: 'record', payload }))),
    );
    expect(await faults()).toEqual(['gateway-2 5 unanchored']);
    cpSync(logDir('gateway-2'), join(dir, 'swap'), { recursive: true });
    rmSync(logDir('gateway-2'), { recursive: true });
    cpSync(logDir(), logDir('gateway-2'), { recursive: true });
    rmSync(logDir(), { recursive: true });
    cpSync(join(dir, 'swap'), logDir(), { recursive: true });
    expect(await faults()).toEqual(['gateway-2 1 foreign', `${AUDIT_WRITER} 1 foreign`]);
  });
});

describe('records that nobody confirmed', () => {
  it('are named once they are older than delivery takes, whatever the clock says', async () => {
    const { records } = forged(heads().at(-1) as AnchoredHead, 3, AUDIT_WRITER, nowMs);
    replaceLog([...filesOf().flatMap(payloadsIn), ...records]);
    expect(await look()).toMatchObject({ unchecked: [], logs: [{ unconfirmed: 3, fault: null }] });
    const named = expect.stringContaining('3 records since');
    const at = async (hours: number) =>
      (await look({ nowMs: () => nowMs + hours * 60 * MINUTE_MS })).unchecked;
    expect(await at(1)).toEqual([named]);
    expect(await at(-1)).toEqual([
      expect.stringContaining('the clock here is behind that of the store'),
      named,
    ]);
  });

  it('prove nothing without a store, unless the heads come from elsewhere', async () => {
    expect((await look({ askStore: undefined })).unchecked).toHaveLength(1);
    expect((await look({ askStore: undefined, headsAreCopy: true })).unchecked).toEqual([]);
  });
});

it('no removal of stored records is hidden, whatever is removed and however the heads and a trim are forged', async () => {
  const cut = fc.record({
    from: fc.integer({ min: 0, max: STORED - 1 }),
    count: fc.integer({ min: 1, max: STORED }),
    keptHeads: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 }),
    trimmed: fc.boolean(),
    anchored: fc.boolean(),
  });
  const all = filesOf().flatMap(payloadsIn);
  const known = heads();
  await fc.assert(
    fc.asyncProperty(cut, async ({ from, count, keptHeads, trimmed, anchored }) => {
      const kept = all.toSpliced(from, count);
      const last = unlink(kept.at(-1) ?? Buffer.alloc(0));
      const end = last ? { seq: last.record.seq, hash: last.hash } : GENESIS;
      const gone = unlink(all[Math.min(STORED, from + count) - 1] as Uint8Array);
      const upTo = { seq: gone?.record.seq ?? 0, hash: gone?.hash ?? GENESIS.hash };
      const trim = forgedTrim(end, upTo, nowMs);
      replaceLog(trimmed ? [...kept, trim.bytes] : kept);
      const forgedHeads = [upTo, trim.head].map((head) => ({ ...head, writer: AUDIT_WRITER, atMs: nowMs }));
      writeHeads([...keptHeads.map((i) => known[i] as AnchoredHead), ...(anchored ? forgedHeads : [])]);
      expect(await faults()).toHaveLength(1);
    }),
    { numRuns: 60 },
  );
});
