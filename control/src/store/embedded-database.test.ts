import { afterAll, beforeAll, expect, it } from 'vitest';
import { embeddedDatabase } from './embedded-database.ts';

const db = embeddedDatabase();
// Making a database takes seconds of a core.
beforeAll(() => db.script(''), 60_000);
afterAll(() => db.close());

/** A thread that runs this text for each message. */
const threadThat = (text: string) =>
  new URL(
    `data:text/javascript,${encodeURIComponent(
      `import { parentPort } from 'node:worker_threads'; parentPort.on('message', ({ id }) => { ${text} });`,
    )}`,
  );

it('keeps times, bytes and arrays over the way to its thread and back', async () => {
  const values = [new Date(1_700_000_000_123), Buffer.from([0, 1, 255]), [1.5, -2], null];
  const sql =
    'SELECT $1::timestamptz AS at, $2::bytea AS bytes, $3::float8[] AS numbers, $4::text AS nothing';
  const { rows } = await db.query(sql, values);
  const [at, bytes, numbers, nothing] = values;
  expect(rows).toEqual([{ at, bytes: new Uint8Array(bytes as Buffer), numbers, nothing }]);
});

it('keeps the code of an error', async () => {
  await expect(db.query('SELECT * FROM nowhere', [])).rejects.toMatchObject({
    message: 'relation "nowhere" does not exist',
    code: '42P01',
    severity: 'ERROR',
  });
  await expect(db.query('SELECT $1::int', [() => 1])).rejects.toThrow('could not be cloned');
  await expect(db.script('SELECT 1; SELECT * FROM nowhere')).rejects.toMatchObject({ code: '42P01' });
});

it('delays nothing else while it computes', async () => {
  let ticks = 0;
  const ticking = setInterval(() => {
    ticks += 1;
  }, 1);
  const query = db.query('SELECT count(*)::int AS n FROM generate_series(1, 2000000)', []);
  expect((await query).rows).toEqual([{ n: 2_000_000 }]);
  clearInterval(ticking);
  expect(ticks).toBeGreaterThan(5);
});

it('closes during a query that would take hours, for good', async () => {
  const query = db.query('SELECT count(*) FROM generate_series(1, 1000000000000)', []);
  const outcome = Promise.allSettled([query]);
  await db.close();
  expect(await outcome).toMatchObject([{ reason: { message: 'the embedded database ended' } }]);
  await expect(db.query('SELECT 1', [])).rejects.toThrow('is closed');
  await db.close();
});

it('fails what a thread leaves when it ends, and starts another', async () => {
  const ending = embeddedDatabase(undefined, threadThat('throw new Error("broken")'));
  for (const _ of [1, 2]) {
    await expect(ending.query('SELECT 1', [])).rejects.toMatchObject({
      message: 'the embedded database ended',
      cause: { message: 'broken' },
    });
  }
});

it('refuses more statements than anything of ours asks', async () => {
  const ending = embeddedDatabase(undefined, threadThat('if (id === 256) process.exit()'));
  const asked = Array.from({ length: 256 }, () => ending.query('SELECT 1', []));
  const outcomes = Promise.allSettled(asked);
  await expect(ending.query('SELECT 1', [])).rejects.toMatchObject({ code: '53300' });
  expect((await outcomes).map(({ status }) => status)).toEqual(Array(256).fill('rejected'));
});
