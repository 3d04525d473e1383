import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AuditFact, GENESIS, link } from '@headgate/journal/audit/chain';
import { headLine } from '@headgate/journal/audit/heads';
import { openPseudonyms } from '@headgate/journal/audit/pseudonyms';
import { encodeFrames, scanFrames } from '@headgate/journal/spool/frame';
import { tempDir } from '@headgate/testkit/folders';
import { beforeEach, describe, expect, it } from 'vitest';
import { headgate } from '../../testing/command-line.ts';

let dir: string;
beforeEach(() => {
  dir = tempDir();
});

const AT_MS = 1_700_000_000_000;
const CALL: AuditFact = {
  type: 'call',
  who: null,
  address: null,
  method: 'GET',
  route: '/v1/models',
  status: 200,
  reason: null,
  request_id: 'request-1',
};

/** The log of one writer in files of three records, with its last head anchored. */
function writeLog(writer: string, records: number, who: string | null = null): void {
  const log = join(dir, 'log', writer);
  mkdirSync(log, { recursive: true });
  let head = GENESIS;
  for (let first = 1; first <= records; first += 3) {
    const frames = [first, first + 1, first + 2].map((sequence) => {
      const next = link(head, writer, AT_MS, { ...CALL, who } as AuditFact);
      head = next.head;
      return { sequence, kind: 'record' as const, payload: next.bytes };
    });
    writeFileSync(join(log, `${String(first).padStart(16, '0')}.log`), encodeFrames(frames));
  }
  writeFileSync(join(dir, 'heads'), headLine({ ...head, writer, atMs: 0 }), { flag: 'a' });
}

/** With a copy of the heads, and no store. */
const verify = (...more: string[]) =>
  headgate(['audit', 'verify', '--dir', join(dir, 'log'), '--heads', join(dir, 'heads'), ...more], {
    env: { HEADGATE_AUDIT__STORE: 'none' },
  });
const filesOf = (writer: string) =>
  readdirSync(join(dir, 'log', writer))
    .sort()
    .map((name) => join(dir, 'log', writer, name));

describe('headgate audit verify', () => {
  it('says for every writer how far its log is intact', async () => {
    writeLog('a', 9);
    writeLog('b', 3);
    const { code, out } = await verify('--json');
    expect(code).toBe(0);
    expect(JSON.parse(out).logs).toMatchObject([
      { writer: 'a', records: 9, anchors: 1, last_seq: 9, lost: 0 },
      { writer: 'b', records: 3, anchors: 1, last_seq: 3, lost: 0 },
    ]);
    expect((await verify()).out).toContain('a: 9 records intact up to 9');
  });

  it.each([
    ['altered', 5, () => rewrite(1, (payloads) => payloads.with(1, forged(payloads[1] as Uint8Array)))],
    ['removed', 5, () => rewrite(1, (payloads) => payloads.toSpliced(1, 1))],
    ['removed', 4, () => rewrite(1, (payloads) => payloads.toReversed())],
    ['removed', 4, () => rmSync(filesOf('a')[1] as string)],
    ['truncated', 7, () => rmSync(filesOf('a')[2] as string)],
    ['truncated', 1, () => rmSync(join(dir, 'log', 'a'), { recursive: true })],
  ] as const)('fails where a record is %s, and names the first bad place: %i', async (kind, seq, tamper) => {
    writeLog('a', 9);
    writeLog('b', 3);
    tamper();
    const { code, err } = await verify();
    expect(code).toBe(1);
    expect(err).toContain(`a: record ${seq} is ${kind}`);
    expect(err).not.toContain('b: record');
  });

  it('does not take a missing log or missing heads for an intact one', async () => {
    expect((await verify()).code).toBe(4);
    mkdirSync(join(dir, 'log'));
    expect((await verify()).code).toBe(4);
    writeFileSync(join(dir, 'heads'), '');
    expect((await verify()).code).toBe(4);
  });
});

describe('headgate audit forget', () => {
  const run = (verb: string, id = 'oidc_alice') => headgate(['audit', verb, id, '--keys-dir', dir]);
  const names = () => {
    const clock = { epochMs: () => AT_MS, monotonicMs: () => 0 };
    return openPseudonyms({ dir, clock, addressDays: 30, credentialDays: 400 }, () => undefined);
  };

  it('unties the records of a token subject from it for good, and leaves the log intact', async () => {
    const who = (await names()).credential('oidc_alice', AT_MS);
    writeLog('a', 3, who);
    expect((await run('whois')).out).toContain(`2023-11-14 ${who}\n`);
    const forgotten = await run('forget');
    expect([forgotten.code, forgotten.out]).toEqual([0, expect.stringContaining('every token of 2 days')]);
    expect((await run('whois')).code).toBe(4);
    expect((await run('forget')).code).toBe(4);
    expect((await verify()).code).toBe(0);
    expect((await names()).credential('oidc_alice', AT_MS)).not.toBe(who);
    expect((await run('whois')).out).not.toContain(who);
  });

  it('leaves names of other kinds, and says how a key is erased', async () => {
    await names();
    expect((await run('forget')).code).toBe(0);
    expect((await run('whois', 'cert:billing')).code).toBe(0);
    expect((await run('whois', 'client01')).out).toBe('key:client01\n');
    const { code, err } = await run('forget', 'client01');
    expect([code, err]).toEqual([2, expect.stringContaining('headgate keys revoke')]);
  });
});

/** Changes the records of one file of writer a, with frames that are whole. */
function rewrite(file: number, change: (payloads: Uint8Array[]) => Uint8Array[]): void {
  const path = filesOf('a')[file] as string;
  const payloads = scanFrames(readFileSync(path)).frames.map(({ payload }) => payload);
  const frames = change(payloads).map((payload, i) => ({
    sequence: 3 * file + 1 + i,
    kind: 'record' as const,
    payload,
  }));
  writeFileSync(path, encodeFrames(frames));
}

const forged = (bytes: Uint8Array): Uint8Array =>
  Buffer.concat([
    bytes.subarray(0, 32),
    Buffer.from(Buffer.from(bytes.subarray(32)).toString().replace('200', '403')),
  ]);
