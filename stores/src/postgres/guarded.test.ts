import { createPolicy, type Policy } from '@headgate/runtime/resilience/policy';
import { policyWithoutRetries } from '@headgate/testkit/policy';
import { beforeEach, expect, it } from 'vitest';
import { concernsServer, guarded } from './database.ts';

let nowMs: number;
let asked: string[];
let heard: string[];
let answer: () => Promise<{ rows: readonly unknown[] }>;

const refusedBy = (code: string) => Object.assign(new Error(code), { severity: 'ERROR', code });
const unreachable = Object.assign(new Error('connect'), { code: 'EPIPE' });

const policy = (): Policy =>
  createPolicy({
    dependency: 'database',
    config: policyWithoutRetries({ breaker: { failures: 2, open_min_ms: 100, open_max_ms: 100 } }),
    report: { breakerChanged: (_, state) => void heard.push(state), retry: () => undefined },
    isFailure: concernsServer,
    nowMs: () => nowMs,
    random: () => 0,
  });
const database = () =>
  guarded(
    {
      query: (sql) => {
        asked.push(sql);
        return answer();
      },
      script: async (sql) => {
        asked.push(sql);
        await answer();
      },
    },
    policy(),
  );

beforeEach(() => {
  nowMs = 0;
  asked = [];
  heard = [];
});

it('is not asked any more after failures in a row, until its pause is over and it answers', async () => {
  const db = database();
  answer = () => Promise.reject(unreachable);
  await expect(db.query('1', [])).rejects.toBe(unreachable);
  await expect(db.script('2')).rejects.toBe(unreachable);
  await expect(db.query('3', [])).rejects.toMatchObject({ reason: 'unavailable' });
  expect([asked, heard]).toEqual([['1', '2'], ['open']]);
  answer = async () => ({ rows: [4] });
  nowMs += 100;
  expect(await db.query('4', [])).toEqual({ rows: [4] });
  expect(heard).toEqual(['open', 'half_open', 'closed']);
});

it.each([
  ['a value that does not fit', refusedBy('22001'), []],
  ['a trigger that refuses', refusedBy('P0001'), []],
  ['a server that is ending', refusedBy('57P01'), ['open']],
  ['a server with too many connections', refusedBy('53300'), ['open']],
  ['a server that only reads', refusedBy('25006'), ['open']],
  ['a broken connection', unreachable, ['open']],
])('takes %s for what it is', async (_what, error, states) => {
  const db = database();
  answer = () => Promise.reject(error);
  for (let i = 0; i < 2; i++) await expect(db.query('1', [])).rejects.toBe(error);
  expect(heard).toEqual(states);
});
