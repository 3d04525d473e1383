import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { AdminError } from '../api/api-env.ts';
import { adminApp, secret } from '../testing/admin-app.ts';
import { headgate } from '../testing/command-line.ts';
import { fakeControl } from '../testing/fake-control.ts';

const [SECRET] = Object.values(secret.header);

/** Runs a command against the admin app itself. */
function against(app: ReturnType<typeof adminApp>, ...argv: string[]) {
  const dir = tempDir({ secret: SECRET as string });
  return headgate(argv, {
    env: { HEADGATE_LISTEN__INTERNAL_SECRET_FILE: join(dir, 'secret') },
    fetch: async (input, init) => app.app.request(new Request(input, init)),
  });
}

it('is let in by the secret of this machine, under the name of who runs it', async () => {
  const { code, out, err } = await against(adminApp(), 'models', '--json');
  expect([code, err]).toEqual([0, '']);
  expect(JSON.parse(out)).toEqual({ default_model: 'digits', models: [] });
});

it('passes on what control refuses, and its failures', async () => {
  const live = () => Promise.reject(new Error('password in here'));
  const { code, err } = await against(adminApp({ live }), 'models');
  expect(code).toBe(1);
  expect(err).toContain('the log of control has the cause');
});

it.each([
  ['not_found', 4],
  ['conflict', 5],
  ['invalid', 2],
  ['store_unavailable', 1],
  ['too_many', 1],
] as const)('a refusal as %s ends with code %i, and says what to do', async (reason, code) => {
  const { fetch } = fakeControl({
    'GET /live': () => {
      throw new AdminError(reason, 'Do this instead.');
    },
  });
  const told = await headgate(['models'], { fetch });
  expect(told.code).toBe(code);
  expect(told.err).toContain('Do this instead.');
});

it('says how to start a control that is away, and names no cause that it does not know', async () => {
  const { code, err } = await headgate(['models', '--json']);
  expect(code).toBe(1);
  expect(JSON.parse(err).error).toMatchObject({
    code: 'failed',
    message: 'control does not answer at 127.0.0.1:8447',
    remedy: expect.stringContaining('npm start'),
  });
});

it.each([200, 502])('is not misled by an answer of something else on the port: %i', async (status) => {
  const fetch = async () => new Response('<html>', { status, headers: { 'content-type': 'text/html' } });
  const { code, err } = await headgate(['models'], { fetch });
  expect([code, err]).toEqual([1, expect.stringContaining(`status ${status}`)]);
});
