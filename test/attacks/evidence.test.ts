import { execFile } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { portOf } from '@headgate/contracts/names';
import { type AuditFact, link, TRIM, unlink } from '@headgate/journal/audit/chain';
import { type AnchoredHead, headLine, lastHead, parseHeads } from '@headgate/journal/audit/heads';
import { encodeFrames, scanFrames } from '@headgate/journal/spool/frame';
import { NO_SECRET } from '@headgate/testkit/config';
import { eventually } from '@headgate/testkit/eventually';
import { fetchOnce } from '@headgate/testkit/http';
import { type RunningPart, startPart } from '@headgate/testkit/part';
import { ROOT } from '@headgate/testkit/root';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyRecords } from '../../gateway/src/testing/app-fixture.ts';

/** Whoever can write the audit log of a gateway removes records, and forges what could hide it. */

const WITHIN_MS = 60_000;
const WRITER = 'gateway';
const COMMANDS = `headgate-${hostname()}`;
const dir = mkdtempSync(join(tmpdir(), 'headgate-evidence-'));
let control: RunningPart;
let copies = 0;

/** The audit log, its heads and its keys in a folder. */
const auditIn = (folder: string) => ({
  HEADGATE_AUDIT__DIR: join(folder, 'audit'),
  HEADGATE_AUDIT__HEADS_FILE: join(folder, 'heads.jsonl'),
  HEADGATE_AUDIT__KEYS_DIR: join(folder, 'audit-keys'),
  HEADGATE_AUDIT__WRITER: WRITER,
  HEADGATE_AUDIT__ANCHOR_INTERVAL_MS: '200',
  HEADGATE_GATEWAY__KEYS_FILE: join(dir, 'keys.yaml'),
  HEADGATE_RECORDS__EMBEDDED_DIR: join(dir, 'store'),
  HEADGATE_RECORDS__SINK: 'none',
});

/** A gateway of its own process that answers so many calls and ends. */
async function gatewayFor(folder: string, calls: number): Promise<string> {
  const logFile = join(folder, 'gateway.log');
  const env = { ...auditIn(folder), HEADGATE_ROUTING_FILE: 'config/routing.fallback.yaml' };
  const part = await startPart('gateway', { readyPage: '/livez', logFile, env });
  const url = `http://127.0.0.1:${portOf(part.portBase, 'gateway')}/v1/models`;
  for (let i = 0; i < calls; i += 1) await fetchOnce(url);
  await part.stop();
  return readFileSync(logFile, 'utf8');
}

/** Runs `headgate` as an operator does. */
async function headgate(folder: string, ...argv: string[]) {
  const env = {
    PATH: process.env.PATH,
    HEADGATE_ROOT: ROOT,
    ...NO_SECRET,
    ...auditIn(folder),
    HEADGATE_LISTEN__PORT_BASE: String(control.portBase),
  };
  const run = promisify(execFile)(process.execPath, [join(ROOT, 'control/src/cli/main.ts'), ...argv], {
    env,
    cwd: ROOT,
  });
  return run.then(
    ({ stdout }) => ({ code: 0, out: stdout, err: '' }),
    ({ code, stdout, stderr }) => ({ code: code as number, out: stdout as string, err: stderr as string }),
  );
}
const verify = (folder: string) => headgate(folder, 'audit', 'verify');

beforeAll(async () => {
  writeFileSync(join(dir, 'keys.yaml'), JSON.stringify({ keys: await keyRecords() }));
  const logFile = join(dir, 'control.log');
  control = await startPart('control', { readyPage: '/livez', logFile, env: auditIn(dir) });
  // Three processes leave three files.
  for (const calls of [40, 30, 20]) await gatewayFor(dir, calls);
  await headgate(dir, 'keys', 'create', '--name', 'Alice');
  await eventually(
    async () => {
      const { code, out, err } = await headgate(dir, 'audit', 'verify', '--json');
      if (code !== 0) throw new Error(err);
      const { logs } = JSON.parse(out) as { logs: { unconfirmed: number; stored: number }[] };
      return logs.length === 3 && logs.every((log) => log.unconfirmed === 0 && log.stored > 0);
    },
    { what: 'all records in the store', withinMs: WITHIN_MS },
  );
}, 180_000);

afterAll(async () => {
  await control?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** What the attacker has: a folder as the writers left it. Control does not look at it, so attacks do not meet. */
class Loot {
  readonly folder = join(dir, `copy-${copies++}`);
  readonly headsFile = join(this.folder, 'heads.jsonl');
  constructor() {
    for (const name of ['audit', 'heads.jsonl', 'audit-keys']) {
      cpSync(join(dir, name), join(this.folder, name), { recursive: true });
    }
  }
  log(writer = WRITER): string {
    return join(this.folder, 'audit', writer);
  }
  files(): string[] {
    const names = readdirSync(this.log()).filter((name) => name.endsWith('.log'));
    return names.sort().map((name) => join(this.log(), name));
  }
  heads(): AnchoredHead[] {
    return parseHeads(readFileSync(this.headsFile, 'utf8')).filter(({ writer }) => writer === WRITER);
  }
  records(): Uint8Array[] {
    return this.files().flatMap((path) =>
      scanFrames(readFileSync(path)).frames.map(({ payload }) => payload),
    );
  }
  /** One file with these records in place of all. */
  write(records: readonly Uint8Array[]): void {
    for (const path of this.files()) rmSync(path);
    const frames = records.map((payload, i) => ({ sequence: 1000 + i, kind: 'record' as const, payload }));
    writeFileSync(join(this.log(), '0000000000001000.log'), encodeFrames(frames));
  }
  /** Cuts the log up to an anchored head, and appends a record that says that it was to be trimmed. */
  forgeTrim(upTo: AnchoredHead): void {
    const records = this.records();
    const last = unlink(records.at(-1) as Uint8Array);
    if (!last) throw new Error('the log has no records');
    const detail = { up_to: upTo.seq, sha256: Buffer.from(upTo.hash).toString('hex') };
    const fact: AuditFact = {
      type: 'change',
      who: 'system',
      action: TRIM,
      outcome: 'accepted',
      detail,
      request_id: null,
    };
    const head = { seq: last.record.seq, hash: last.hash };
    const trim = link(head, WRITER, Date.now(), fact);
    this.write([...records.slice(upTo.seq), trim.bytes]);
    appendFileSync(this.headsFile, headLine({ ...trim.head, writer: WRITER, atMs: Date.now() }));
  }
  lastHead(): AnchoredHead {
    return lastHead(this.heads(), WRITER) as AnchoredHead;
  }
}

const ATTACKS: readonly (readonly [what: string, text: string, attack: (loot: Loot) => void])[] = [
  [
    'a cut up to the last head, with a forged trim',
    'record 1 is removed',
    (loot) => loot.forgeTrim(loot.lastHead()),
  ],
  [
    'a cut up to the first head, with a forged trim',
    'record 1 is removed',
    (loot) => loot.forgeTrim(loot.heads()[0] as AnchoredHead),
  ],
  ['an empty heads file', 'is unanchored', (loot) => writeFileSync(loot.headsFile, '')],
  ['no heads file', 'is unanchored', (loot) => rmSync(loot.headsFile)],
  [
    'a damaged heads file',
    'is unanchored',
    (loot) => writeFileSync(loot.headsFile, Buffer.alloc(500, 'x\n')),
  ],
  [
    'a heads file without its last line',
    'is unanchored',
    (loot) => {
      const lines = readFileSync(loot.headsFile, 'utf8').trimEnd().split('\n');
      const last = lines.findLastIndex((line) => line.includes(`"${WRITER}"`));
      writeFileSync(
        loot.headsFile,
        lines
          .toSpliced(last, 1)
          .map((line) => `${line}\n`)
          .join(''),
      );
    },
  ],
  [
    'the heads of another store',
    'is replaced',
    (loot) => {
      const other = loot.heads().map((head) => headLine({ ...head, hash: Buffer.alloc(32, 7) }));
      writeFileSync(loot.headsFile, other.join(''));
    },
  ],
  ['no directory of the writer', 'record 1 is truncated', (loot) => rmSync(loot.log(), { recursive: true })],
  ['nothing at all', 'record 1 is truncated', (loot) => rmSync(loot.folder, { recursive: true })],
  ['no newest file', 'is truncated', (loot) => rmSync(loot.files().at(-1) as string)],
  ['no file in the middle', 'is removed', (loot) => rmSync(loot.files()[1] as string)],
  [
    'half of the last frame',
    'is truncated',
    (loot) => {
      const path = loot.files().at(-1) as string;
      writeFileSync(path, readFileSync(path).subarray(0, -3));
    },
  ],
  [
    'an older copy of log and heads',
    'is truncated',
    (loot) => {
      const old = loot.heads()[0] as AnchoredHead;
      loot.write(loot.records().slice(0, old.seq));
      writeFileSync(loot.headsFile, headLine(old));
    },
  ],
  [
    'a copy of a file under a later number',
    'its writer did not make 0000000000009999.log',
    (loot) => cpSync(loot.files()[0] as string, join(loot.log(), '0000000000009999.log')),
  ],
  [
    'a copy that is numbered as its name, behind a log with a changed record',
    'is altered',
    (loot) => {
      const records = loot.records();
      const copy = records.map((payload, i) => ({ sequence: 9999 + i, kind: 'record' as const, payload }));
      const changed = Buffer.from(records[20] as Uint8Array);
      changed.write('"status":299', changed.indexOf('"status":'));
      loot.write(records.with(20, changed));
      writeFileSync(join(loot.log(), '0000000000009999.log'), encodeFrames(copy));
    },
  ],
  [
    'a file of the log under another spelling',
    'its writer did not make 1.LOG',
    (loot) => cpSync(loot.files()[0] as string, join(loot.log(), '1.LOG')),
  ],
  [
    'two writers with each other’s log',
    'is foreign',
    (loot) => {
      renameSync(loot.log(), join(loot.folder, 'swap'));
      renameSync(loot.log(COMMANDS), loot.log());
      renameSync(join(loot.folder, 'swap'), loot.log(COMMANDS));
    },
  ],
];

describe('headgate audit verify ends with 1 where the attacker left', () => {
  it.each(ATTACKS)('%s', async (_what, text, attack) => {
    const loot = new Loot();
    attack(loot);
    expect(await verify(loot.folder)).toMatchObject({ code: 1, err: expect.stringContaining(text) });
  });

  it('a forged trim, also after the gateway went on', async () => {
    const loot = new Loot();
    loot.forgeTrim(loot.lastHead());
    await gatewayFor(loot.folder, 5);
    const { code, err } = await verify(loot.folder);
    expect([code, err]).toEqual([1, expect.stringContaining(`${WRITER}: record 1 is removed`)]);
  });

  it('no heads file, also after the gateway went on, which says so', async () => {
    const loot = new Loot();
    rmSync(loot.headsFile);
    expect(await gatewayFor(loot.folder, 5)).toContain('heads of the audit log are gone');
    expect(await verify(loot.folder)).toMatchObject({
      code: 1,
      err: expect.stringContaining('is unanchored'),
    });
  });
});

it('a copied file is shown by control, and stops no storing', async () => {
  const log = join(dir, 'audit', WRITER);
  const original = readdirSync(log).find((name) => name.endsWith('.log')) as string;
  const copy = join(log, '0000000000009999.log');
  cpSync(join(log, original), copy);
  const storedNow = async () => {
    const { out } = await headgate(dir, 'audit', 'verify', '--json');
    const { logs } = JSON.parse(out) as { logs: { writer: string; stored: number }[] };
    return logs.find(({ writer }) => writer === WRITER)?.stored ?? 0;
  };
  try {
    const before = await storedNow();
    await gatewayFor(dir, 20);
    await eventually(async () => (await storedNow()) > before, {
      what: 'new records in the store',
      withinMs: WITHIN_MS,
    });
    expect(readFileSync(join(dir, 'control.log'), 'utf8')).toContain('did not make 0000000000009999.log');
  } finally {
    rmSync(copy, { force: true });
  }
}, 60_000);

it('a log that begins a second time is refused by control, shown, and stored nowhere', async () => {
  const before = await headgate(dir, 'audit', 'verify', '--json');
  const stored = (out: string) =>
    (JSON.parse(out) as { logs: { writer: string; stored: number }[] }).logs.find(
      ({ writer }) => writer === WRITER,
    );
  rmSync(join(dir, 'audit', WRITER), { recursive: true });
  const headsFile = join(dir, 'heads.jsonl');
  const others = parseHeads(readFileSync(headsFile, 'utf8')).filter(({ writer }) => writer !== WRITER);
  writeFileSync(headsFile, others.map(headLine).join(''));
  expect(await gatewayFor(dir, 5)).toContain('a new audit log begins');
  await eventually(
    async () => readFileSync(join(dir, 'control.log'), 'utf8').includes('differs from record'),
    {
      what: 'the refusal of control',
      withinMs: WITHIN_MS,
    },
  );
  const { code, out, err } = await headgate(dir, 'audit', 'verify', '--json');
  expect([code, err]).toEqual([1, expect.stringContaining(`${WRITER}: record`)]);
  expect(stored(out)?.stored).toBe(stored(before.out)?.stored);
}, 60_000);

it('without control, verify ends with 3 and says that the store was not asked', async () => {
  const loot = new Loot();
  await control.stop();
  expect(await verify(loot.folder)).toMatchObject({
    code: 3,
    err: expect.stringContaining('the store was not asked'),
  });
});
