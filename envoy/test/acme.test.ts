import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { eventually } from '@headgate/testkit/eventually';
import { freePort } from '@headgate/testkit/ports';
import { acmePrograms, certbot, startPebble } from '@headgate/testkit/services/pebble';
import { describe, expect, it } from 'vitest';
import { http } from './support/client.ts';
import { CONFIG_DIR, TestEnvoy } from './support/envoy.ts';
import { keepAsking } from './support/traffic.ts';
import { Upstream } from './support/upstream.ts';

/** A build of Pebble and an installation of certbot, minutes on a new machine. */
const FULL = process.env.E2E_FULL !== undefined;
const NAME = 'api.headgate.test';
const CHALLENGE = '/.well-known/acme-challenge/';
const CONNECTIONS = 4;

/** An ACME client at the moment when it is asked. */
async function challengeServer(port = 0) {
  const seen: string[] = [];
  const server = createServer(({ method, url }: IncomingMessage, response) => {
    seen.push(`${method} ${url}`);
    response.setHeader('server', 'SomeClient/1.0').end('token.thumbprint');
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    seen,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** A Service of Kubernetes: each connection goes to another of its pods, and each pod knows one token. */
async function challengeService(pods: number) {
  const podOf = new WeakMap<Socket, number>();
  let connections = 0;
  const server = createServer(({ url, socket }: IncomingMessage, response) => {
    const token = `token-${podOf.get(socket)}`;
    if (url?.endsWith(`/${token}`)) response.end(`${token}.thumbprint`);
    else response.writeHead(404).end();
  });
  server.on('connection', (socket) => {
    podOf.set(socket, connections % pods);
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

const withClientAt = (port: number) => ({ HEADGATE_ENVOY__ACME_CHALLENGE_TARGET: `127.0.0.1:${port}` });

describe('a challenge of a certificate authority', () => {
  it('reaches the ACME client over plain HTTP, and nothing else does', async () => {
    await using client = await challengeServer();
    await using envoy = await TestEnvoy.start(withClientAt(client.port));
    const ask = (path: string, method = 'GET', host = 'localhost') =>
      http(envoy.redirectPort, { path, method, headers: { host } });

    const answer = await ask(`${CHALLENGE}evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA`);
    expect([answer.status, answer.body]).toEqual([200, 'token.thumbprint']);
    expect(answer.headers.server).toBeUndefined();

    for (const [path, method] of [
      [CHALLENGE, 'GET'],
      [`${CHALLENGE}a/b`, 'GET'],
      [`${CHALLENGE}..%2e`, 'GET'],
      [`${CHALLENGE}token`, 'POST'],
      ['/.well-known/other', 'GET'],
    ] as const) {
      expect([path, method, (await ask(path, method)).status]).toEqual([path, method, 308]);
    }
    expect((await ask(`${CHALLENGE}token`, 'GET', 'evil.example')).status).toBe(404);
    expect(client.seen).toHaveLength(1);
  });

  it('finds the one of several clients behind one address that knows it', async () => {
    await using service = await challengeService(3);
    await using envoy = await TestEnvoy.start(withClientAt(service.port));
    for (const token of ['token-0', 'token-1', 'token-2', 'token-0']) {
      const answer = await http(envoy.redirectPort, { path: `${CHALLENGE}${token}` });
      expect([answer.status, answer.body]).toEqual([200, `${token}.thumbprint`]);
    }
    expect((await http(envoy.redirectPort, { path: `${CHALLENGE}unknown` })).status).toBe(404);
  });

  it('is answered 503 while no client waits for one, and redirected where none is configured', async () => {
    {
      await using envoy = await TestEnvoy.start(withClientAt(await freePort()));
      expect((await http(envoy.redirectPort, { path: `${CHALLENGE}token` })).status).toBe(503);
    }
    await using envoy = await TestEnvoy.start();
    expect((await http(envoy.redirectPort, { path: `${CHALLENGE}token` })).status).toBe(308);
  });
});

/** What a new connection is served. */
async function served(envoy: TestEnvoy, ca: string[]): Promise<string> {
  const socket = connect({ host: 'localhost', port: envoy.httpsPort, servername: NAME, ca });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

describe.runIf(FULL)('a certificate of an ACME authority', () => {
  it(
    'is issued, installed and renewed by certbot under traffic: no request fails, no connection is cut',
    async () => {
      const programs = await acmePrograms();
      const clientPort = await freePort();
      const env = { ...withClientAt(clientPort), HEADGATE_ENVOY__SERVER_NAMES: JSON.stringify([NAME]) };
      await using envoy = await TestEnvoy.start(env);
      await using _upstream = await Upstream.listen(envoy);
      const dir = envoy.files.root;
      await using pebble = await startPebble(programs.pebble, { dir, challengePort: envoy.redirectPort });
      const ca = [envoy.ca, await pebble.root()];
      const headers = { host: NAME };
      // Those that are open keep the certificate of `localhost` with which they began; new ones may meet either.
      const open = keepAsking(envoy, { connections: CONNECTIONS, tls: { headers, servername: 'localhost' } });
      const fresh = keepAsking(envoy, {
        connections: 1,
        keepAlive: false,
        tls: { headers, ca, servername: NAME, checkServerIdentity: () => undefined },
      });
      const run = (args: readonly string[]) =>
        certbot(programs.certbot, args, {
          dir,
          pebble,
          env: { ...env, HEADGATE_ROOT: dir, HEADGATE_CONFIG_DIR: CONFIG_DIR },
        });
      const program = join(import.meta.dirname, '../../control/bin/headgate.mjs');
      const install = `${process.execPath} ${program} certificate install`;
      const serials: string[] = [];
      const expectNewCertificate = async () => {
        const before = [open.answered, fresh.answered];
        await eventually(async () => {
          const serial = await served(envoy, ca).catch(() => undefined);
          return serial !== undefined && !serials.includes(serial) && serials.push(serial);
        }, 'new connections see the certificate that was just issued');
        await eventually(
          () => [open, fresh].every(({ answered }, i) => answered > (before[i] as number)),
          'requests go on',
        );
      };
      try {
        await run([
          'certonly',
          ...['--standalone', '--http-01-address', '127.0.0.1', '--http-01-port', String(clientPort)],
          ...['--server', pebble.directory, '-d', NAME, '--agree-tos', '--register-unsafely-without-email'],
          ...['--deploy-hook', `${install} "$RENEWED_LINEAGE/fullchain.pem" "$RENEWED_LINEAGE/privkey.pem"`],
        ]);
        await expectNewCertificate();
        for (let renewal = 1; renewal <= 2; renewal += 1) {
          await run(['renew', '--force-renewal', '--no-random-sleep-on-renew']);
          await expectNewCertificate();
        }
      } finally {
        await Promise.all([open.stop(), fresh.stop()]);
      }
      console.log(`issued and renewed twice; ${open.answered} and ${fresh.answered} requests meanwhile`);
      expect([open.failures, fresh.failures]).toEqual([[], []]);
      expect(open.opened).toBe(CONNECTIONS);
      expect(new Set(serials).size).toBe(3);
      expect(envoy.hasExited).toBe(false);
    },
    20 * 60_000,
  );
});
