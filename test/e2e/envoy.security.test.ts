import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { status as GRPC } from '@grpc/grpc-js';
import { HEADER } from '@headgate/contracts/names';
import { within } from '@headgate/testkit/eventually';
import { grpcClient, tlsCredentials } from '@headgate/testkit/grpc';
import { httpClient, httpsClient } from '@headgate/testkit/http';
import { samplePhoto } from '@headgate/testkit/photos';
import { rawConnection, requestHead } from '@headgate/testkit/raw';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { makeInternalCertificates } from '../../scripts/setup/certificates.ts';
import { expectProblem } from './harness/problem.ts';

const { ready, portBase } = inject('stack');
const https = new URL(ready.https as string);
const ca = readFileSync(ready.caFile as string);
const client = httpsClient(ready);
afterAll(() => client.close());
const cat = samplePhoto('chelsea.png');
const { bench: key } = ready.keys;

/** What a TLS handshake with these options agrees on. */
async function handshake(options: ConnectionOptions): Promise<{ protocol: string | null; alpn: unknown }> {
  const socket: TLSSocket = connectTls({
    host: '127.0.0.1',
    port: Number(https.port),
    servername: 'localhost',
    ca,
    ...options,
  });
  try {
    await within(
      new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject)),
      { what: 'a TLS handshake', withinMs: 5_000 },
    );
    return { protocol: socket.getProtocol(), alpn: socket.alpnProtocol };
  } finally {
    socket.destroy();
  }
}

describe('The HTTP port', () => {
  it('redirects to HTTPS, keeping method, path and query', async () => {
    const plain = httpClient(`http://localhost:${portBase}`);
    const answer = await plain.send({ path: '/predict?a=b', body: 'x' });
    await plain.close();
    expect(answer.status).toBe(308);
    expect(answer.headers.location).toBe(`https://localhost:${https.port}/predict?a=b`);
  });
});

describe('TLS', () => {
  it.each(['TLSv1', 'TLSv1.1'] as const)('refuses %s', async (version) => {
    const old = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(handshake(old)).rejects.toThrow(/alert|protocol version|handshake/i);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('speaks %s', async (version) => {
    const agreed = await handshake({ minVersion: version, maxVersion: version });
    expect(agreed.protocol).toBe(version);
  });

  it.each(['AES128-SHA', 'ECDHE-RSA-AES128-SHA', 'AES256-GCM-SHA384'])(
    'refuses the cipher %s',
    async (ciphers) => {
      await expect(handshake({ maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` })).rejects.toThrow();
    },
  );

  it('shows a certificate that only the local authority vouches for', async () => {
    await expect(handshake({ ca: [] })).rejects.toThrow(/certificate/);
  });

  it('offers HTTP/2 and HTTP/1.1', async () => {
    expect((await handshake({ ALPNProtocols: ['h2', 'http/1.1'] })).alpn).toBe('h2');
    expect((await handshake({ ALPNProtocols: ['http/1.1'] })).alpn).toBe('http/1.1');
  });
});

describe('HTTP/2', () => {
  it('answers a prediction', async () => {
    const session = connectHttp2(https, { ca });
    const stream = session.request({
      ':method': 'POST',
      ':path': '/predict',
      'content-type': cat.type,
      [HEADER.apiKey]: key,
    });
    stream.end(cat.bytes);
    const status = new Promise<number | undefined>((resolve, reject) => {
      stream.once('response', (headers) => resolve(headers[':status'])).once('error', reject);
    });
    expect(await within(status, { what: 'an HTTP/2 answer', withinMs: 10_000 })).toBe(200);
    session.destroy();
  });
});

describe('Envoy', () => {
  const headers = { [HEADER.apiKey]: key };

  it('refuses headers beyond the limit with a problem body', async () => {
    const answer = await client.send({
      method: 'GET',
      path: '/v1/models',
      headers: { ...headers, 'x-padding': 'a'.repeat(64 * 1024) },
    });
    expect(answer.status).toBe(431);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  });

  it('refuses header names with underscores, which proxies confuse with hyphens', async () => {
    const answer = await client.send({
      method: 'GET',
      path: '/v1/models',
      headers: { ...headers, x_api_key: 'a' },
    });
    expect(answer.status).toBe(400);
  });

  it('refuses a request whose length is said twice', async () => {
    const connection = await rawConnection(https.origin, { caFile: ready.caFile });
    await connection.write(
      requestHead('POST', '/predict', { ...headers, 'content-length': '5', 'transfer-encoding': 'chunked' }),
    );
    await connection.write('0\r\n\r\nGET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n');
    expect((await connection.answer(5_000))?.status).toBe(400);
    connection.close();
  });

  it.each(['/v1/nothing/../models', '//v1///models', '/v1/%6dodels'])(
    'normalises %s before it routes',
    async (path) => {
      const connection = await rawConnection(https.origin, { caFile: ready.caFile });
      await connection.write(requestHead('GET', path, { ...headers, connection: 'close' }));
      const answer = await connection.answer(5_000);
      connection.close();
      expect(answer?.status).toBe(200);
    },
  );

  it('keeps the internal pages off the public port', async () => {
    for (const path of ['/metrics', '/readyz', '/livez', '/stats', '/server_info']) {
      expectProblem(await client.send({ method: 'GET', path, headers }), 'not_found');
    }
  });

  it('says nothing about what runs behind it', async () => {
    const answer = await client.send({ method: 'GET', path: '/v1/models', headers });
    expect(answer.status).toBe(200);
    const telling = ['server', 'x-powered-by', 'x-envoy-upstream-service-time', 'via'];
    expect(telling.filter((name) => answer.headers[name] !== undefined)).toEqual([]);
  });
});

describe('The internal gRPC listener with mTLS', () => {
  const {
    address,
    ca: caFile,
    cert,
    key: keyFile,
  } = ready.internalGrpc ?? { address: '', ca: '', cert: '', key: '' };
  const call = { model: ready.model, image: cat.bytes };

  it('serves a client with a certificate of the internal authority', async () => {
    const grpc = grpcClient(address, tlsCredentials(caFile, { cert, key: keyFile }));
    const { version, classIds, labels, scores } = await grpc.infer(call);
    const explicit = await grpc.infer({ ...call, version: '2' });
    expect(await grpc.health()).toBe('SERVING');
    grpc.close();
    expect(version).toBe('1');
    expect(explicit.version).toBe('2');
    expect([281, 282, 283, 285]).toContain(classIds[0]);
    expect([labels.length, scores.length]).toEqual([classIds.length, classIds.length]);
  });

  it('refuses a client without a certificate', async () => {
    const grpc = grpcClient(address, tlsCredentials(caFile));
    await expect(grpc.infer({ ...call, deadlineMs: 5_000 })).rejects.toMatchObject({
      code: GRPC.UNAVAILABLE,
    });
    grpc.close();
  });

  it('refuses a client with a certificate of another authority', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'headgate-e2e-stranger-'));
    await makeInternalCertificates(dir);
    const stranger = { cert: join(dir, 'client.crt'), key: join(dir, 'client.key') };
    const grpc = grpcClient(address, tlsCredentials(caFile, stranger));
    await expect(grpc.infer({ ...call, deadlineMs: 5_000 })).rejects.toMatchObject({
      code: GRPC.UNAVAILABLE,
    });
    grpc.close();
    rmSync(dir, { recursive: true });
  });
});
