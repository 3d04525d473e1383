import { credentials, Metadata, status } from '@grpc/grpc-js';
import { METADATA } from '@headgate/contracts/names';
import { eventually } from '@headgate/testkit/eventually';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createAuthority,
  type Identity,
  makeInternalCertificates,
  writeAll,
} from '../../scripts/setup/certificates.ts';
import { EdgeFiles, TestEnvoy } from './support/envoy.ts';
import { check, FakeInference, mutualCredentials } from './support/inference.ts';

let envoy: TestEnvoy;
let inference: FakeInference;

beforeAll(async () => {
  envoy = await TestEnvoy.start();
  inference = await FakeInference.listen(envoy);
});

afterAll(async () => {
  inference[Symbol.dispose]();
  await envoy[Symbol.asyncDispose]();
});

function channelOf({ key, certificate }: Identity, ca: string) {
  return credentials.createSsl(Buffer.from(ca), Buffer.from(key), Buffer.from(certificate));
}

describe('the internal gRPC listener', () => {
  it('serves a client with a certificate of the internal CA', async () => {
    await expect(check(envoy, { channel: mutualCredentials(envoy) })).resolves.toBe('SERVING');
  });

  it('refuses a client without a certificate', async () => {
    const channel = credentials.createSsl(Buffer.from(envoy.files.readInternal('ca.crt')));
    await expect(check(envoy, { channel })).rejects.toMatchObject({ code: status.UNAVAILABLE });
  });

  it('refuses a client whose certificate comes from another CA', async () => {
    const stranger = new EdgeFiles();
    try {
      await makeInternalCertificates(stranger.internalDir);
      const channel = mutualCredentials(envoy, stranger);
      await expect(check(envoy, { channel })).rejects.toMatchObject({ code: status.UNAVAILABLE });
    } finally {
      stranger.remove();
    }
  });

  it('refuses a client whose certificate the public authority signed', async () => {
    const channel = credentials.createSsl(
      Buffer.from(envoy.files.readInternal('ca.crt')),
      Buffer.from(envoy.files.readPublic('tls.key')),
      Buffer.from(envoy.files.readPublic('tls.crt')),
    );
    await expect(check(envoy, { channel })).rejects.toMatchObject({ code: status.UNAVAILABLE });
  });

  it('refuses a client without TLS', async () => {
    const channel = credentials.createInsecure();
    await expect(check(envoy, { channel })).rejects.toMatchObject({ code: status.UNAVAILABLE });
  });

  it('tells inference who calls, whatever the caller claims', async () => {
    const metadata = new Metadata();
    metadata.set('x-forwarded-client-cert', 'Subject="CN=admin"');
    metadata.set('x-forwarded-for', '203.0.113.9');
    metadata.set(METADATA.variant, 'int8');
    metadata.set(METADATA.tenant, 'client01');
    await check(envoy, { channel: mutualCredentials(envoy), metadata });
    const [identity, ...others] = inference.last.get('x-forwarded-client-cert').map(String);
    expect(identity).toMatch(/^Hash=[0-9a-f]{64};Subject="CN=headgate-internal-client"/);
    expect(identity).toContain('DNS=headgate-internal-client');
    expect(others).toEqual([]);
    expect(inference.last.get('x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(inference.last.get(METADATA.variant)).toEqual([]);
    expect(inference.last.get(METADATA.tenant)).toEqual([]);
  });

  it('writes the caller and the gRPC status into the access log', async () => {
    const metadata = new Metadata();
    metadata.set(METADATA.requestId, 'grpc-log-1');
    await check(envoy, { channel: mutualCredentials(envoy), metadata });
    const entry = await envoy.accessEntry(({ request_id }) => request_id === 'grpc-log-1');
    const peer = 'CN=headgate-internal-client';
    expect(entry).toMatchObject({ listener: 'internal-grpc', peer, grpc_status: 0 });
  });

  it('refuses a client whose certificate has expired, and one whose time has not come', async () => {
    const authority = await createAuthority('Headgate internal CA');
    const server = await authority.issue('localhost', 'server');
    const now = Date.now();
    const [hour, day] = [3_600_000, 86_400_000];
    const clientOf = (from: number, to: number) =>
      authority.issue('headgate-internal-client', 'client', {
        notBefore: new Date(now + from),
        notAfter: new Date(now + to),
      });
    const channelOfClient = async (from: number, to: number) =>
      channelOf(await clientOf(from, to), authority.certificate);
    const client = await clientOf(-hour, day);
    const current = channelOf(client, authority.certificate);
    const serves = (channel: typeof current) => () => check(envoy, { channel }).then(Boolean, () => false);
    // One after the other, as docs/security.md says.
    const before = channelOf(client, envoy.files.readInternal('ca.crt'));
    writeAll(envoy.files.internalDir, { 'ca.crt': authority.certificate });
    await eventually(serves(before), 'Envoy takes the new authority');
    writeAll(envoy.files.internalDir, { 'tls.key': server.key, 'tls.crt': server.certificate });
    await eventually(serves(current), 'Envoy shows the new certificate');
    for (const channel of [await channelOfClient(-day, -hour), await channelOfClient(hour, day)]) {
      await expect(check(envoy, { channel })).rejects.toMatchObject({ code: status.UNAVAILABLE });
    }
    await expect(check(envoy, { channel: current })).resolves.toBe('SERVING');
  });
});
