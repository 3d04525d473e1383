import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type AuditRecord, unlink } from '@headgate/journal/audit/chain';
import { tempDir } from '@headgate/testkit/folders';
import { beforeEach, expect, it } from 'vitest';
import { readLog } from '../audit/read-log.ts';
import { headgate } from '../testing/command-line.ts';
import { operator } from './audited.ts';

let dir: string;
beforeEach(() => {
  dir = tempDir();
});

const WRITER = `headgate-${hostname()}`;
const run = (...argv: string[]) =>
  headgate(argv, {
    env: {
      HEADGATE_AUDIT__SINK: 'file',
      HEADGATE_AUDIT__STORE: 'none',
      HEADGATE_AUDIT__DIR: join(dir, 'log'),
      HEADGATE_AUDIT__HEADS_FILE: join(dir, 'heads'),
      HEADGATE_AUDIT__KEYS_DIR: join(dir, 'pseudonyms'),
      HEADGATE_GATEWAY__KEYS_FILE: join(dir, 'keys.yaml'),
    },
  });
const verify = (...more: string[]) => run('audit', 'verify', '--heads', join(dir, 'heads'), ...more);
const create = async () => JSON.parse((await run('keys', 'create', '--name', 'Alice', '--json')).out);

async function changes() {
  const records: AuditRecord[] = [];
  for await (const bytes of readLog(join(dir, 'log', WRITER))) {
    records.push(unlink(bytes)?.record as AuditRecord);
  }
  return records.filter((record) => record.type === 'change');
}

it('puts on record who changes which key, before and after, by names that people read', async () => {
  const { id, key } = await create();
  await run('keys', 'rotate', id);
  await run('keys', 'revoke', id);
  expect((await run('keys', 'revoke', 'nobody')).code).toBe(4);
  expect((await changes()).map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
    'keys.create attempted',
    'keys.create accepted',
    'keys.rotate attempted',
    'keys.rotate accepted',
    'keys.revoke attempted',
    'keys.revoke accepted',
    'keys.revoke attempted',
    'keys.revoke refused',
  ]);
  const [first] = await changes();
  expect((await run('audit', 'whois', id)).out).toBe(`${first?.detail.key}\n`);
  expect(first?.who).toBe(operator());
  expect(first?.detail).toMatchObject({ role: 'client', tier: 'default' });
  expect(JSON.stringify(await changes())).not.toMatch(new RegExp(`Alice|${key}`));
  expect((await verify()).code).toBe(0);
});

it('erases on record, and leaves an intact log', async () => {
  mkdirSync(join(dir, 'pseudonyms'));
  writeFileSync(join(dir, 'pseudonyms/token-2030-01-01.key'), 'k'.repeat(32));
  expect((await run('audit', 'whois', 'oidc_alice')).code).toBe(0);
  expect((await run('audit', 'forget', 'oidc_alice')).code).toBe(0);
  expect((await run('audit', 'whois', 'oidc_alice')).code).toBe(4);
  expect((await changes()).at(-1)).toMatchObject({ action: 'audit.forget', outcome: 'accepted' });
  expect((await verify()).code).toBe(0);
});

it('changes nothing that cannot be put on record', async () => {
  const { id } = await create();
  const before = readFileSync(join(dir, 'keys.yaml'), 'utf8');
  rmSync(join(dir, 'log'), { recursive: true });
  // No directory can be made where a file is.
  writeFileSync(join(dir, 'log'), '');
  for (const argv of [
    ['rotate', id],
    ['create', '--name', 'Bob'],
  ]) {
    const { code, err } = await run('keys', ...argv);
    expect([code, err]).toEqual([1, expect.stringContaining('nothing was changed')]);
  }
  expect(readFileSync(join(dir, 'keys.yaml'), 'utf8')).toBe(before);
});

it('revokes a key also where no record can be kept, and says what to note', async () => {
  const { id } = await create();
  rmSync(join(dir, 'log'), { recursive: true });
  writeFileSync(join(dir, 'log'), '');
  const { code, err } = await run('keys', 'revoke', id);
  expect([code, err]).toEqual([
    0,
    expect.stringContaining(`note it yourself: keys.revoke {"key":"key:${id}"`),
  ]);
  expect(readFileSync(join(dir, 'keys.yaml'), 'utf8')).not.toContain(id);
});

it('is one chain for many commands at once, and its heads show a cut end', async () => {
  const created = await Promise.all(Array.from({ length: 12 }, create));
  expect(new Set(created.map(({ id }) => id)).size).toBe(12);
  const { logs } = JSON.parse((await verify('--json')).out);
  expect(logs).toMatchObject([{ writer: WRITER, records: 24, anchors: 24, fault: null }]);
  const log = join(dir, 'log', WRITER);
  expect(readdirSync(log).filter((name) => !name.endsWith('.log'))).toEqual(['reserve']);
  const last = readdirSync(log)
    .filter((name) => name.endsWith('.log'))
    .sort()
    .at(-1);
  rmSync(join(log, last as string));
  expect((await verify()).err).toContain(`${WRITER}: record 24 is truncated`);
  // Going on does not heal it.
  await create();
  expect((await verify()).err).toContain(`${WRITER}: record 24 is removed`);
});

it('loses no head to one before it that a full disk tore', async () => {
  await create();
  appendFileSync(join(dir, 'heads'), '{"writer":"headga');
  await create();
  const { logs } = JSON.parse((await verify('--json')).out);
  expect(logs).toMatchObject([{ writer: WRITER, records: 4, anchors: 4, fault: null }]);
});

it('goes on after a command that was killed while it wrote', async () => {
  await create();
  mkdirSync(join(dir, 'log', WRITER), { recursive: true });
  writeFileSync(join(dir, 'log', WRITER, 'killed.draft'), 'half a rec');
  await create();
  expect((await verify()).code).toBe(0);
  expect(await changes()).toHaveLength(4);
});
