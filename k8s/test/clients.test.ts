import { once } from 'node:events';
import { constants, createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { createAuthority } from '../../scripts/setup/certificates.ts';
import { http1Client, http2Client } from './clients.ts';
import { startLoad } from './load.ts';
import type { Edge } from './scenario.ts';

const CALL = { path: '/predict', headers: { 'x-api-key': 'k' }, body: Buffer.from('photo') };

/** A server that answers with the version of the protocol, and its sessions. */
async function serve(prepare: (server: Http2SecureServer) => void = () => {}) {
  const authority = await createAuthority('test');
  const { certificate: cert, key } = await authority.issue('headgate.test', 'server');
  const server = createSecureServer({ cert, key, allowHTTP1: true });
  const sessions: ServerHttp2Session[] = [];
  server.on('session', (session) => void sessions.push(session));
  server.on('request', (request, response) => {
    request.resume();
    request.once('end', () => response.end(request.httpVersion));
  });
  prepare(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const edge: Edge = {
    origin: `https://127.0.0.1:${port}`,
    host: 'headgate.test',
    ca: authority.certificate,
  };
  return { edge, sessions };
}

const never = new AbortController().signal;

it('speaks HTTP/1.1 on kept and on new connections', async () => {
  const { edge } = await serve();
  for (const keepAlive of [true, false]) {
    const client = http1Client(edge, keepAlive);
    onTestFinished(client.close);
    expect(await client.post(CALL, never)).toEqual({ status: 200, text: '1.1' });
  }
});

it('leaves an HTTP/2 connection that the server retires, without a failure', async () => {
  const { edge, sessions } = await serve();
  const client = http2Client(edge, 1);
  onTestFinished(client.close);
  await client.post(CALL, never);
  sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR);
  for (let i = 0; i < 5; i += 1) expect(await client.post(CALL, never)).toEqual({ status: 200, text: '2.0' });
  expect(sessions).toHaveLength(2);
});

it('sends a refused stream again, once, and counts it', async () => {
  let refusals = 1;
  const { edge } = await serve((server) =>
    server.prependListener('stream', (stream) => {
      if (refusals > 0) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      refusals -= 1;
    }),
  );
  const client = http2Client(edge);
  onTestFinished(client.close);
  expect(await client.post(CALL, never)).toEqual({ status: 200, text: '2.0' });
  expect(client.resent).toBe(1);
  refusals = 2;
  await expect(client.post(CALL, never)).rejects.toThrow('REFUSED_STREAM');
});

it('shows in the tally of a load what was sent again', async () => {
  let refusals = 1;
  const { edge } = await serve((server) => {
    server.prependListener('stream', (stream) => {
      if (refusals > 0) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      refusals -= 1;
    });
    server.removeAllListeners('request').on('request', (request, response) => {
      request.resume();
      response.end('{"predictions":[{"top":[{"label":"7"}]}]}');
    });
  });
  const load = startLoad(edge, { perSecond: 50, key: 'k', timeoutMs: 5000 });
  await load.answered(10);
  expect(await load.stop()).toMatchObject({ failed: 0, resent: 1 });
});

it('ends a request at the signal', async () => {
  const { edge } = await serve((server) => server.removeAllListeners('request').on('request', () => {}));
  for (const client of [http1Client(edge, true), http2Client(edge)]) {
    onTestFinished(client.close);
    await expect(client.post(CALL, AbortSignal.timeout(100))).rejects.toThrow(/abort/);
  }
});
