import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { CSRF_HEADER, OPERATOR_HEADER, type Session } from '@headgate/contracts/admin/api';
import { HEADER, METADATA, PORT_OFFSET } from '@headgate/contracts/names';
import { loadHealth, loadInference } from '@headgate/runtime/proto';
import { type Answer, type Call, httpClient } from '@headgate/testkit/http';
import { descendantsOf } from '@headgate/testkit/processes';
import { ROOT } from '@headgate/testkit/root';
import { type OwnedStack, startStack } from '@headgate/testkit/stack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSocketsOf } from './sockets.ts';

const PUBLIC = '127.0.0.1';
const INSIDE = '127.0.0.3';
// Control listens for autoscalers only where it has a certificate for them.
const { httpRedirect, https, externalMetrics, ...INTERNAL } = PORT_OFFSET;
const SEVEN = readFileSync(join(ROOT, 'samples/digit-7.png'));

let stack: OwnedStack;
let secret: string;

beforeAll(async () => {
  stack = await startStack({
    env: { HEADGATE_LISTEN__HOST: PUBLIC, HEADGATE_LISTEN__INTERNAL_HOST: INSIDE },
  });
  secret = readFileSync(join(ROOT, 'state/internal.secret'), 'utf8').trim();
});
afterAll(() => stack?.stop());

const at = (offset: number) => stack.portBase + offset;

async function ask(offset: number, call: Call, localAddress?: string): Promise<Answer> {
  const client = httpClient(`http://${INSIDE}:${at(offset)}`, { ...(localAddress && { localAddress }) });
  return client.send(call).finally(() => client.close());
}

/** Code of a connection attempt that fails; `connected` otherwise. */
const tryConnection = (host: string, port: number) =>
  new Promise<string>((resolve) => {
    const socket = connect({ host, port });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    socket.once('connect', () => {
      socket.destroy();
      resolve('connected');
    });
  });

describe('what the processes of the service open', () => {
  it('is public for HTTPS and its redirect alone', () => {
    const pids = [stack.supervisorPid, ...descendantsOf(stack.supervisorPid).map(({ pid }) => pid)];
    const sockets = new Set(openSocketsOf(pids).map(({ kind, host, port }) => `${kind} ${host} ${port}`));
    expect([...sockets].sort()).toEqual(
      [
        ...[httpRedirect, https].map((offset) => `tcp ${PUBLIC} ${at(offset)}`),
        ...Object.values(INTERNAL).map((offset) => `tcp ${INSIDE} ${at(offset)}`),
        `unix ${join(ROOT, 'state/envoy', `${stack.portBase}.sock`)} 0`,
      ].sort(),
    );
  });

  const others = Object.entries({ ...INTERNAL, externalMetrics });
  it.each(others)('does not answer at the public address: %s', async (_, offset) => {
    expect(await tryConnection(PUBLIC, at(offset))).toBe('ECONNREFUSED');
  });
});

describe("a process beside Envoy that calls inference's own port", () => {
  const claim = 'By=x;Hash=00;Subject="CN=billing";URI=spiffe://headgate/billing';
  const inference = loadInference().GRPCInferenceService;
  const methods = Object.values(inference.service);
  const wrongs = () => [undefined, '', 'forged', secret.slice(1), `${secret}0`, `${secret}, ${secret}`];

  /** How a call ends for a caller who shows these. */
  const codeOf = (
    { path, responseStream }: (typeof methods)[number],
    shown: readonly (string | undefined)[],
  ) =>
    new Promise<number>((resolve) => {
      const client = new inference(`${INSIDE}:${at(INTERNAL.inferenceGrpc)}`, credentials.createInsecure());
      const metadata = new Metadata();
      metadata.set(METADATA.clientCertificate, claim);
      for (const one of shown) if (one !== undefined) metadata.add(HEADER.internalSecret, one);
      const end = (error: Partial<ServiceError> | null) => {
        client.close();
        resolve(error?.code ?? status.OK);
      };
      const deadline = Date.now() + 10_000;
      const asIs = (bytes: Buffer) => bytes;
      if (responseStream) {
        const call = client.makeBidiStreamRequest(path, asIs, asIs, metadata, { deadline });
        call
          .on('error', () => undefined)
          .on('status', end)
          .on('data', () => undefined);
        call.end();
      } else client.makeUnaryRequest(path, asIs, asIs, Buffer.alloc(0), metadata, { deadline }, end);
    });

  it.each(methods.map((method) => [method.path, method] as const))('is refused: %s', async (_, method) => {
    for (const wrong of wrongs()) expect(await codeOf(method, [wrong])).toBe(status.UNAUTHENTICATED);
    expect(await codeOf(method, [secret, 'forged'])).toBe(status.UNAUTHENTICATED);
    expect(await codeOf(method, [secret])).not.toBe(status.UNAUTHENTICATED);
  });

  it('learns whether it is healthy, as probes do', async () => {
    const { Health } = loadHealth();
    const client = new Health(`${INSIDE}:${at(INTERNAL.inferenceGrpc)}`, credentials.createInsecure());
    const answer = await new Promise((resolve) =>
      client.Check({ service: '' }, (_, found) => resolve(found)),
    );
    client.close();
    expect(answer).toMatchObject({ status: 'SERVING' });
  });
});

describe('a process beside Envoy that calls the gateway', () => {
  const guess = (index: number, more: Record<string, string> = {}) =>
    ask(
      INTERNAL.gateway,
      {
        path: '/predict',
        headers: {
          'content-type': 'image/png',
          [HEADER.apiKey]: `hg_guess${index}_${'x'.repeat(43)}`,
          ...more,
        },
        body: SEVEN,
      },
      '127.0.0.71',
    );

  it('counts as itself, whatever address it claims, and locks out nobody else', async () => {
    const victim = '203.0.113.77';
    for (let index = 0; index < 20; index += 1) {
      const forged = index % 2 ? `203.0.113.${index}` : victim;
      expect((await guess(index, { [HEADER.forwardedFor]: forged })).status).toBe(403);
    }
    const claims = [victim, '198.51.100.1', `${victim}, 198.51.100.1`].map((claim) => ({
      [HEADER.forwardedFor]: claim,
    }));
    const wrong = { [HEADER.internalSecret]: 'forged' };
    for (const claim of [...claims, ...claims.map((one) => ({ ...one, ...wrong }))]) {
      expect((await guess(20, claim)).status).toBe(429);
    }
    const fromEnvoy = { [HEADER.forwardedFor]: victim, [HEADER.internalSecret]: secret };
    expect((await guess(21, fromEnvoy)).status).toBe(403);
  });
});

describe('a stranger on the machine, or a page in its browser,', () => {
  const records = { path: '/internal/records', body: '{"records":[]}' } as const;
  const json = { 'content-type': 'application/json' };
  const known = () => ({ ...json, [HEADER.internalSecret]: secret });
  const statusOf = async (call: Call) => (await ask(INTERNAL.control, call)).status;

  it('gets nothing from control without the secret', async () => {
    for (const path of ['/internal/records', '/internal/judged', '/internal/audit', '/internal/none']) {
      for (const method of ['GET', 'POST'] as const) {
        expect([path, method, await statusOf({ path, method, headers: json })]).toEqual([path, method, 401]);
      }
    }
    expect(await statusOf({ ...records, headers: { ...json, [HEADER.internalSecret]: 'forged' } })).toBe(401);
    expect(await statusOf({ ...records, headers: known() })).toBe(204);
  });

  it('gets nothing from control with the marks of a browser, or under a name of its own', async () => {
    const marks = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
    ];
    for (const mark of [...marks, { 'sec-fetch-site': 'same-origin' }]) {
      expect(await statusOf({ ...records, headers: { ...known(), ...mark } })).toBe(403);
      expect(await statusOf({ path: '/metrics', method: 'GET', headers: mark })).toBe(403);
    }
    for (const host of ['evil.example', '127.0.0.3.evil.example']) {
      expect(await statusOf({ ...records, headers: { ...json, host } })).toBe(403);
      expect(await statusOf({ path: '/metrics', method: 'GET', headers: { host } })).toBe(403);
    }
    expect(await statusOf({ path: '/livez', method: 'GET' })).toBe(204);
    expect(await statusOf({ path: '/livez', method: 'POST' })).toBe(405);
  });

  const ADMIN = ['live', 'routing', 'rollouts', 'audit', 'dependencies', 'events', 'session'];
  it.each(ADMIN)('gets nothing from the admin API without a proof: %s', async (path) => {
    const of = (headers: Record<string, string>) =>
      statusOf({ method: 'GET', path: `/api/v1/${path}`, headers });
    const { client, admin } = stack.ready.keys ?? {};
    expect(await of({})).toBe(401);
    expect(await of({ [HEADER.apiKey]: client ?? '' })).toBe(403);
    expect(await of({ [HEADER.internalSecret]: 'forged', [OPERATOR_HEADER]: 'eve' })).toBe(401);
    expect(await of({ [OPERATOR_HEADER]: 'eve' })).toBe(401);
    for (const mark of [
      { host: 'evil.example' },
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      expect(await of({ ...mark, [HEADER.apiKey]: admin ?? '' })).toBe(403);
    }
  });

  it('changes nothing with the cookie of a session alone', async () => {
    const body = JSON.stringify({ key: stack.ready.keys?.admin });
    const login = await ask(INTERNAL.control, { path: '/api/v1/session', headers: json, body });
    const cookie = String(login.headers['set-cookie']).split(';')[0] ?? '';
    expect(await statusOf({ method: 'GET', path: '/api/v1/session', headers: { cookie } })).toBe(200);
    const session = { method: 'DELETE', path: '/api/v1/session' } as const;
    expect(await statusOf({ ...session, headers: { cookie } })).toBe(403);
    const { csrf } = JSON.parse(login.text) as Session;
    expect(await statusOf({ ...session, headers: { cookie, [CSRF_HEADER]: csrf } })).toBe(204);
    expect(await statusOf({ method: 'GET', path: '/api/v1/session', headers: { cookie } })).toBe(401);
  });

  it.each(['gatewayInternal', 'inferenceInternal', 'envoyInternal'] as const)(
    'reads no metrics of %s under a name of its own, and changes nothing',
    async (listener) => {
      const path = listener === 'envoyInternal' ? '/stats/prometheus' : '/metrics';
      const offset = INTERNAL[listener];
      expect((await ask(offset, { path, method: 'GET' })).status).toBe(200);
      const rebound = await ask(offset, { path, method: 'GET', headers: { host: 'evil.example' } });
      expect([404, 421]).toContain(rebound.status);
      expect(rebound.text).not.toContain('# TYPE');
      for (const method of ['POST', 'PUT', 'DELETE'] as const) {
        expect([404, 405]).toContain((await ask(offset, { path, method })).status);
      }
    },
  );

  it.each(['/quitquitquit', '/healthcheck/fail', '/drain_listeners', '/logging?level=trace'])(
    "cannot use %s of Envoy's admin page",
    async (path) => {
      const headers = { origin: 'https://evil.example' };
      expect((await ask(INTERNAL.envoyInternal, { path, headers })).status).toBe(404);
      expect((await ask(INTERNAL.envoyInternal, { path: '/ready', method: 'GET' })).text).toBe('LIVE\n');
    },
  );
});

it('the secret is in no log and in no rendered file', () => {
  const logs = join(ROOT, 'state/logs', String(stack.portBase));
  const files = [
    ...readdirSync(logs).map((name) => join(logs, name)),
    join(ROOT, 'state/envoy', `${stack.portBase}.json`),
  ];
  for (const file of files) {
    expect(existsSync(file)).toBe(true);
    expect(readFileSync(file, 'utf8')).not.toContain(secret);
  }
});
