import { credentials, Metadata, type Server, ServerCredentials, status } from '@grpc/grpc-js';
import { HeadgateError } from '@headgate/contracts/errors';
import type { GRPCInferenceServiceHandlers } from '@headgate/contracts/gen/grpc/inference/GRPCInferenceService';
import { METADATA, portOf, STREAM } from '@headgate/contracts/names';
import type { AuditChange, AuditEntry } from '@headgate/journal/audit/sink';
import { loadInference } from '@headgate/runtime/proto';
import { eventually } from '@headgate/testkit/eventually';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Auditor } from '../../inference/src/auditor.ts';
import { toStatus } from '../../inference/src/errors.ts';
import type { Health } from '../../inference/src/health.ts';
import type { Call, Infer } from '../../inference/src/pipeline.ts';
import { createGrpcServer } from '../../inference/src/server.ts';
import { InferStreams } from '../../inference/src/stream-infer.ts';
import { type Authority, createAuthority, writeAll } from '../../scripts/setup/certificates.ts';
import { TestEnvoy } from './support/envoy.ts';

type Client = InstanceType<ReturnType<typeof loadInference>['GRPCInferenceService']>;

let envoy: TestEnvoy;
let server: Server;
let authority: Authority;
const calls: AuditEntry[] = [];
const changes: AuditChange[] = [];
const streamed: Call[] = [];
let full = false;
let loads = 0;
const clients: Client[] = [];

beforeAll(async () => {
  envoy = await TestEnvoy.start();
  authority = await createAuthority('Headgate internal CA');
  const { key, certificate } = await authority.issue('localhost', 'server');
  writeAll(envoy.files.internalDir, {
    'tls.key': key,
    'tls.crt': certificate,
    'ca.crt': authority.certificate,
  });
  server = inferenceOf(envoy);
  const address = `127.0.0.1:${portOf(envoy.config.listen.port_base, 'inferenceGrpc')}`;
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  const probe = await clientOf('probe');
  await eventually(
    () => metadataOf(probe, 'probe').then(Boolean, () => false),
    'Envoy takes the new authority',
  );
}, 60_000);

beforeEach(() => {
  calls.length = 0;
  changes.length = 0;
  full = false;
  loads = 0;
});

afterAll(async () => {
  for (const client of clients) client.close();
  server.forceShutdown();
  await envoy[Symbol.asyncDispose]();
});

/** The gRPC server of inference, with calls that need no engine, and an audit log in memory. */
function inferenceOf({ config }: TestEnvoy): Server {
  const service: Partial<GRPCInferenceServiceHandlers> = {
    ModelMetadata: ({ request }, reply) =>
      request.name === 'net'
        ? reply(null, { name: 'net' })
        : reply(toStatus(new HeadgateError('unknown_model', 'There is no such model.'))),
    RepositoryModelLoad: (_, reply) => {
      loads += 1;
      reply(null, {});
    },
  };
  const audit = new Auditor({
    audit: {
      record: (entry) => void calls.push(entry),
      change: async (change) => {
        if (full) throw new HeadgateError('records_unavailable', 'The disk is full.');
        changes.push(change);
      },
    },
    epochMs: () => 1_700_000_000_000,
  });
  const infer: Infer = async (call) => {
    streamed.push(call);
    return { id: call.request.id };
  };
  const onRefused = () => undefined;
  return createGrpcServer({
    service: service as GRPCInferenceServiceHandlers,
    health: { handlers: () => ({}) } as unknown as Health,
    limits: config.inference.limits,
    streams: new InferStreams({ infer, defaultDeadlineMs: 10_000, audit, onRefused }),
    audit,
    onRefused,
  });
}

async function clientOf(name: string): Promise<Client> {
  const { key, certificate } = await authority.issue(name, 'client');
  const { GRPCInferenceService } = loadInference();
  const channel = credentials.createSsl(
    Buffer.from(authority.certificate),
    Buffer.from(key),
    Buffer.from(certificate),
  );
  const port = portOf(envoy.config.listen.port_base, 'internalGrpcMtls');
  const client = new GRPCInferenceService(`localhost:${port}`, channel);
  clients.push(client);
  return client;
}

const soon = () => ({ deadline: Date.now() + 15_000 });

function metadataOf(client: Client, name: string, metadata = new Metadata()): Promise<number> {
  return new Promise((resolve) => {
    client.modelMetadata({ name, version: '' }, metadata, soon(), (error) =>
      resolve(error?.code ?? status.OK),
    );
  }).then((code) => {
    if (code === status.UNAVAILABLE) throw new Error('unavailable');
    return code as number;
  });
}

function load(client: Client): Promise<number> {
  return new Promise((resolve) => {
    client.repositoryModelLoad({ model_name: 'net' }, new Metadata(), soon(), (error) =>
      resolve(error?.code ?? status.OK),
    );
  });
}

it('puts on record which client certificate each call came with, whatever the caller claims', async () => {
  const [billing, search] = [await clientOf('billing'), await clientOf('search')];
  const lying = new Metadata();
  lying.set(METADATA.clientCertificate, 'Subject="CN=search"');
  lying.set(METADATA.requestId, 'request-1');
  await metadataOf(billing, 'net', lying);
  await metadataOf(search, 'nothing');
  expect(calls).toMatchObject([
    {
      keyId: 'cert:billing',
      requestId: 'request-1',
      address: '127.0.0.1',
      method: 'GRPC',
      route: '/inference.GRPCInferenceService/ModelMetadata',
      status: status.OK,
      reason: undefined,
    },
    { keyId: 'cert:search', status: status.NOT_FOUND, reason: 'unknown_model' },
  ]);
});

it('changes no model unless it is on record, by whom, that it is attempted', async () => {
  const billing = await clientOf('billing');
  expect(await load(billing)).toBe(status.OK);
  expect(changes).toMatchObject([{ keyId: 'cert:billing', action: 'model.load', detail: { model: 'net' } }]);
  full = true;
  expect(await load(billing)).toBe(status.UNAVAILABLE);
  expect(loads).toBe(1);
  expect(calls.map((one) => [one.status, one.reason])).toEqual([
    [status.OK, undefined],
    [status.UNAVAILABLE, 'records_unavailable'],
  ]);
});

it('puts each call of a stream on record, and ignores the tenant that it names', async () => {
  const billing = await clientOf('billing');
  const lying = new Metadata();
  lying.set(METADATA.tenant, 'another');
  const stream = billing.modelStreamInfer(lying, soon());
  const ended = new Promise((resolve) => stream.once('end', resolve));
  const ids: (string | undefined)[] = [];
  stream.on('data', ({ infer_response }) => ids.push(infer_response?.id));
  for (const id of ['1', '2']) {
    stream.write({ model_name: 'net', id, parameters: { [STREAM.tenant]: { string_param: 'another' } } });
  }
  stream.end();
  await ended;
  expect(ids).toEqual(['1', '2']);
  expect(streamed.map(({ tenant, peer }) => [tenant, peer])).toEqual([
    [undefined, 'billing'],
    [undefined, 'billing'],
  ]);
  const record = {
    keyId: 'cert:billing',
    route: '/inference.GRPCInferenceService/ModelStreamInfer',
    status: status.OK,
  };
  expect(calls).toMatchObject([record, record]);
});
