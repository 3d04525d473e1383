import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@headgate/testkit/eventually';
import { httpClient } from '@headgate/testkit/http';
import { samplePhoto } from '@headgate/testkit/photos';
import { expectPrediction, postPhoto } from '@headgate/testkit/predict';
import { ROOT } from '@headgate/testkit/root';
import { type OwnedStack, startStack } from '@headgate/testkit/stack';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../../control/src/cli/program.ts';
import { embeddedDatabase } from '../../control/src/store/embedded-database.ts';

const PHOTO = samplePhoto('chelsea.png');
const DIGEST = createHash('sha256').update(PHOTO.bytes).digest('hex');

let dir: string;
let stack: OwnedStack;
let env: Record<string, string>;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'headgate-e2e-captures-'));
  env = {
    HEADGATE_CAPTURE__STORE: 'folder',
    HEADGATE_CAPTURE__DIR: join(dir, 'captures'),
    HEADGATE_CAPTURE__MODELS: '{ "efficientnet-lite0": { "rate": 1 }, "digits": { "rate": 1 } }',
    HEADGATE_RECORDS__SPOOL_DIR: join(dir, 'spool'),
    HEADGATE_RECORDS__EMBEDDED_DIR: join(dir, 'store'),
    HEADGATE_RECORDS__HASH_KEY_FILE: join(dir, 'records.key'),
    HEADGATE_AUDIT__SINK: 'none',
  };
  stack = await startStack({ env });
});
afterAll(async () => {
  await stack?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** `headgate captures …`, in this process, on the files of the stack. */
async function captures(...argv: string[]) {
  let text = '';
  const code = await runCli(['captures', ...argv, '--json'], {
    env: { ...env, HEADGATE_LISTEN__PORT_BASE: String(stack.portBase) },
    cwd: ROOT,
    out: (part) => {
      text += part;
    },
    err: (part) => {
      text += part;
    },
    nowMs: Date.now,
    fetch,
    terminal: { in: false, out: false, err: false },
    ask: async () => '',
    sleep: async () => undefined,
  });
  return { code, answer: code === 0 ? JSON.parse(text) : text };
}

it('makes a photo with feedback an example, a sketch of every photo, and nothing of who is erased', async () => {
  const client = httpClient(stack.ready.gateway);
  const ask = async (unit: string) =>
    expectPrediction(await postPhoto(client, PHOTO, { key: stack.ready.keys.client, unit }));
  const { id } = await ask('alice');
  await ask('bob');
  const feedback = await client.send({
    path: '/v1/feedback',
    headers: { 'x-api-key': stack.ready.keys.client, 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify({ prediction_id: id, label: 'tabby' })),
  });
  expect(feedback.status).toBe(202);

  let attempt = 0;
  const exported = await eventually(
    async () => {
      attempt += 1;
      const { answer } = await captures('export', '--out', join(dir, `dataset-${attempt}`));
      return answer.images === 1 && answer;
    },
    { what: 'an example', withinMs: 60_000, everyMs: 250 },
  );
  expect(exported).toMatchObject({ images: 1, disputed: 0, missing: 0 });
  // Besides bob's, what npm start itself tried the path with.
  const others: number = exported.unjudged;
  expect(others).toBeGreaterThanOrEqual(1);
  const out = join(dir, `dataset-${attempt}`);
  const line = JSON.parse(readFileSync(join(out, 'manifest.jsonl'), 'utf8'));
  expect(line).toMatchObject({ label: 'tabby', prediction_id: id, sha256: DIGEST });
  expect(readFileSync(join(out, line.image)).equals(PHOTO.bytes)).toBe(true);

  expect((await captures('erase', '--unit', 'alice')).answer).toEqual({ erased: 1 });
  expect((await captures('list')).answer.days).toMatchObject([{ images: others }]);

  await stack.stop();
  const db = embeddedDatabase(join(dir, 'store', String(stack.portBase)));
  const { rows } = await db.query('SELECT * FROM predictions', []);
  await db.close();
  expect(rows).toHaveLength(1 + others);
  for (const row of rows) {
    expect(row).toMatchObject({ outcome: 'ok', sketch_version: 1 });
    const { features, top_class_ids } = row as Record<string, readonly number[]>;
    expect([features?.length, top_class_ids?.length]).toEqual([32, 5]);
  }
  const ours = { image_sha256: DIGEST, image_width: 451, image_height: 300 };
  expect(rows).toEqual(expect.arrayContaining([expect.objectContaining(ours)]));
});
