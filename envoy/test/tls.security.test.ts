import { once } from 'node:events';
import { lstatSync, renameSync, symlinkSync } from 'node:fs';
import { Agent, type RequestOptions, request as tlsRequest } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { eventually } from '@headgate/testkit/eventually';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePublicCertificates } from '../../scripts/setup/certificates.ts';
import { TestEnvoy } from './support/envoy.ts';
import { Upstream } from './support/upstream.ts';

/** Makes the client's own library willing, so that a refusal is Envoy's. */
const WILLING = 'ALL:@SECLEVEL=0';

let envoy: TestEnvoy;
let upstream: Upstream;

beforeAll(async () => {
  envoy = await TestEnvoy.start();
  upstream = await Upstream.listen(envoy);
});

afterAll(async () => {
  await upstream[Symbol.asyncDispose]();
  await envoy[Symbol.asyncDispose]();
});

/** Opens a connection. Answers the fingerprint of Envoy's certificate. */
async function handshake(options: ConnectionOptions): Promise<string> {
  const socket = connect({ host: 'localhost', port: envoy.httpsPort, ca: envoy.ca, ...options });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

describe('the TLS floor', () => {
  it.each(['TLSv1', 'TLSv1.1'] as const)('refuses %s', async (version) => {
    const old = { minVersion: version, maxVersion: version, ciphers: WILLING } as const;
    await expect(handshake(old)).rejects.toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('accepts %s', async (version) => {
    await expect(handshake({ minVersion: version, maxVersion: version })).resolves.toBeDefined();
  });

  it.each([
    'ECDHE-ECDSA-AES128-SHA',
    'ECDHE-ECDSA-AES256-SHA384',
    'ECDHE-RSA-AES128-SHA256',
    'AES128-GCM-SHA256',
    'DHE-RSA-AES128-GCM-SHA256',
  ])('refuses the weak cipher %s', async (cipher) => {
    const weak = { maxVersion: 'TLSv1.2', ciphers: `${cipher}:@SECLEVEL=0` } as const;
    await expect(handshake(weak)).rejects.toMatchObject({ code: /ALERT_HANDSHAKE_FAILURE$/ });
  });

  it.each(['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305'])(
    'accepts the modern cipher %s',
    async (cipher) => {
      await expect(handshake({ maxVersion: 'TLSv1.2', ciphers: cipher })).resolves.toBeDefined();
    },
  );

  it('does not talk plain HTTP on the HTTPS port', async () => {
    const socket = connectPlain({ host: 'localhost', port: envoy.httpsPort });
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(await text(socket).catch(() => '')).not.toContain('HTTP/');
  });
});

describe('a renewed certificate', () => {
  it('is served without a restart and without cutting open connections', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const options = { port: envoy.httpsPort, ca: envoy.ca, agent };
    const before = await fingerprintOfAnswer(options);
    await makePublicCertificates(envoy.files.publicDir);

    expect(await servedInsteadOf(before, options.ca)).not.toBe(before);
    expect(await fingerprintOfAnswer(options)).toBe(before);
    expect(envoy.hasExited).toBe(false);
    agent.destroy();
  });

  it('is not served before key and certificate belong together', async () => {
    const before = await handshake({});
    const stranger = join(envoy.files.root, 'stranger');
    await makePublicCertificates(stranger);
    renameSync(join(stranger, 'tls.key'), join(envoy.files.publicDir, 'tls.key'));
    const failures = '/stats?filter=sds.public-certificate.(key_rotation_failed|update_rejected)';
    await eventually(
      async () => /: [1-9]/.test((await envoy.admin(failures)).body),
      'Envoy refuses the pair',
    );
    expect(await handshake({})).toBe(before);
    const oldCa = envoy.ca;
    for (const name of ['ca.crt', 'tls.crt']) {
      renameSync(join(stranger, name), join(envoy.files.publicDir, name));
    }
    expect(await servedInsteadOf(before, oldCa)).not.toBe(before);
  });

  it('is seen in a Kubernetes volume, where only a symlink is swapped', async () => {
    const first = await handshake({});
    const oldCa = envoy.ca;
    await mountRevision(envoy.files.publicDir, 'revision-1');
    const second = await servedInsteadOf(first, oldCa);
    const secondCa = envoy.ca;
    await mountRevision(envoy.files.publicDir, 'revision-2');
    expect(await servedInsteadOf(second, secondCa)).not.toBe(second);
  });
});

/** The fingerprint that new connections see, once it is another one. */
function servedInsteadOf(before: string, oldCa: string): Promise<string> {
  return eventually(async () => {
    const served = await handshake({ ca: [oldCa, envoy.ca] });
    return served === before ? undefined : served;
  }, 'the new certificate is served');
}

/** Lays new certificates out as the kubelet does: `tls.crt` → `..data/tls.crt`, and `..data` → the revision. */
async function mountRevision(dir: string, revision: string): Promise<void> {
  await makePublicCertificates(join(dir, revision));
  symlinkSync(revision, join(dir, '..data_tmp'));
  renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
  for (const name of ['tls.key', 'tls.crt', 'ca.crt']) {
    if (lstatSync(join(dir, name)).isSymbolicLink()) continue;
    symlinkSync(join('..data', name), join(dir, `${name}.tmp`));
    renameSync(join(dir, `${name}.tmp`), join(dir, name));
  }
}

/** One request on the agent's only connection. Answers the fingerprint with which that connection was opened. */
async function fingerprintOfAnswer(options: RequestOptions): Promise<string> {
  const request = tlsRequest({ host: 'localhost', ...options });
  request.end();
  const [response] = await once(request, 'response');
  const { fingerprint256 } = (response.socket as TLSSocket).getPeerCertificate();
  expect(response.statusCode).toBe(200);
  await text(response);
  return fingerprint256;
}
