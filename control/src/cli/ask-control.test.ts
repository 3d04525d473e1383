import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { AdminError } from '../api/api-env.ts';
import { adminApp, secret } from '../testing/admin-app.ts';
import { headgate } from '../testing/command-line.ts';
import { fakeControl } from '../testing/fake-control.ts';
import { ROUTING } from '../testing/views.ts';

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
  ['not_leader', 5],
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

afterEach(() => vi.restoreAllMocks());

describe('a control that hangs', () => {
  const late = () => Promise.reject(new DOMException('too late', 'TimeoutError'));

  it.each([
    ['a look', ['models']],
    ['a report', ['records', 'accuracy']],
    ['a change', ['rollout', 'pause', 'digits']],
  ])('is named within 5 s: %s', async (_, argv) => {
    const timeouts = vi.spyOn(AbortSignal, 'timeout');
    const { code, err } = await headgate(argv, { fetch: late });
    expect([code, err]).toEqual([1, expect.stringContaining('does not answer at 127.0.0.1:8447 within 5 s')]);
    expect(err).toContain('stop the service and start it again');
    expect(timeouts.mock.calls).toEqual([[5000]]);
  });

  it('may have made the change that it took', async () => {
    const { fetch } = fakeControl({
      'GET /routing': ROUTING,
      'POST /routing/digits/preview': { issues: [], moves: [] },
    });
    const { code, err } = await headgate(['route', 'set', 'digits', 'b=20', '--yes'], {
      fetch: (...call) => (call[1]?.method === 'PUT' ? late() : fetch(...call)),
    });
    expect([code, err]).toEqual([1, expect.stringContaining('within 65 s: the change may have been made')]);
    expect(err).toContain('headgate audit find --since 5m');
  });
});
