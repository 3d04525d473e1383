import {
  type ChannelCredentials,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { METADATA, portOf } from '@headgate/contracts/names';
import { loadHealth } from '@headgate/contracts/proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeInternalCertificates } from '../../scripts/setup/certificates.ts';
import { EdgeFiles, TestEnvoy } from './support/envoy.ts';

const { Health } = loadHealth();

let envoy: TestEnvoy;
let inference: FakeInference;

beforeAll(async () => {
  envoy = await TestEnvoy.start();
  inference = await FakeInference.listen(portOf(envoy.config.listen.port_base, 'inferenceGrpc'));
});

afterAll(async () => {
  inference.stop();
  await envoy[Symbol.asyncDispose]();
});

/** A gRPC server that knows only the health service and remembers the metadata of the last call. */
class FakeInference {
  last = new Metadata();
  readonly #server = new Server();

  static async listen(port: number): Promise<FakeInference> {
    const fake = new FakeInference();
    fake.#server.addService(Health.service, {
      check: (call: ServerUnaryCall<unknown, unknown>, reply: (error: null, answer: unknown) => void) => {
        fake.last = call.metadata;
        reply(null, { status: 'SERVING' });
      },
    });
    await new Promise<void>((resolve, reject) => {
      fake.#server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
    return fake;
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}

/** Credentials from a directory of internal certificates, trusting Envoy's own CA. */
function mutual(files: EdgeFiles): ChannelCredentials {
  const [ca, key, cert] = [
    envoy.files.readInternal('ca.crt'),
    files.readInternal('client.key'),
    files.readInternal('client.crt'),
  ];
  return credentials.createSsl(Buffer.from(ca), Buffer.from(key), Buffer.from(cert));
}

function check(channel: ChannelCredentials, metadata = new Metadata()): Promise<string | undefined> {
  const port = portOf(envoy.config.listen.port_base, 'internalGrpcMtls');
  const client = new Health(`localhost:${port}`, channel);
  return new Promise<string | undefined>((resolve, reject) => {
    client.check({ service: '' }, metadata, { deadline: Date.now() + 5000 }, (error, answer) =>
      error ? reject(error) : resolve(answer?.status),
    );
  }).finally(() => client.close());
}

describe('the internal gRPC listener', () => {
  it('serves a client with a certificate of the internal CA', async () => {
    await expect(check(mutual(envoy.files))).resolves.toBe('SERVING');
  });

  it('refuses a client without a certificate', async () => {
    const anonymous = credentials.createSsl(Buffer.from(envoy.files.readInternal('ca.crt')));
    await expect(check(anonymous)).rejects.toMatchObject({ code: status.UNAVAILABLE });
  });

  it('refuses a client whose certificate comes from another CA', async () => {
    const stranger = new EdgeFiles();
    try {
      await makeInternalCertificates(stranger.internalDir);
      await expect(check(mutual(stranger))).rejects.toMatchObject({ code: status.UNAVAILABLE });
    } finally {
      stranger.remove();
    }
  });

  it('refuses a client without TLS', async () => {
    await expect(check(credentials.createInsecure())).rejects.toMatchObject({ code: status.UNAVAILABLE });
  });

  it('tells inference who calls, whatever the caller claims', async () => {
    const claims = new Metadata();
    claims.set('x-forwarded-client-cert', 'Subject="CN=admin"');
    claims.set('x-forwarded-for', '203.0.113.9');
    claims.set(METADATA.variant, 'int8');
    await check(mutual(envoy.files), claims);
    const [identity, ...others] = inference.last.get('x-forwarded-client-cert').map(String);
    expect(identity).toMatch(/^Hash=[0-9a-f]{64};Subject="CN=headgate-internal-client"/);
    expect(identity).toContain('DNS=headgate-internal-client');
    expect(others).toEqual([]);
    expect(inference.last.get('x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(inference.last.get(METADATA.variant)).toEqual([]);
  });

  it('writes the caller and the gRPC status into the access log', async () => {
    const metadata = new Metadata();
    metadata.set(METADATA.requestId, 'grpc-log-1');
    await check(mutual(envoy.files), metadata);
    const entry = await envoy.accessEntry(({ request_id }) => request_id === 'grpc-log-1');
    expect(entry).toMatchObject({
      listener: 'internal-grpc',
      peer: 'CN=headgate-internal-client',
      grpc_status: 0,
    });
  });
});

describe('a refusal by Envoy itself', () => {
  it('is a gRPC status with our reason, a sentence and no JSON', async () => {
    inference.stop();
    const error = await failure(check(mutual(envoy.files)));
    expect(error?.code).toBe(status.UNAVAILABLE);
    expect(error?.details).toMatch(/^The service cannot be reached/);
    expect(error?.metadata.get(METADATA.reason)).toEqual(['unavailable']);
    expect(error?.metadata.get(METADATA.retryAfterMs)).toEqual(['1000']);
  });
});

function failure(call: Promise<unknown>): Promise<ServiceError | undefined> {
  return call.then(
    () => undefined,
    (error: ServiceError) => error,
  );
}
