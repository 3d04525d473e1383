import {
  type ChannelCredentials,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { portOf } from '@headgate/contracts/names';
import { loadHealth, loadInference } from '@headgate/runtime/proto';
import type { EdgeFiles, TestEnvoy } from './envoy.ts';

const { Health } = loadHealth();
const { GRPCInferenceService } = loadInference();

type Reply = (error: null, answer: { status: 'SERVING' }) => void;

/** A gRPC server of the health service and of ModelStreamInfer. `Check` of the service `hang` is never answered. */
export class FakeInference implements Disposable {
  /** Metadata of the last Check. */
  last = new Metadata();
  readonly watchers: ServerWritableStream<unknown, { status: 'SERVING' }>[] = [];
  readonly #server = new Server();

  static async listen({ config }: TestEnvoy): Promise<FakeInference> {
    const fake = new FakeInference();
    fake.#server.addService(Health.service, {
      check: (call: ServerUnaryCall<{ service: string }, unknown>, reply: Reply) => {
        fake.last = call.metadata;
        if (call.request.service !== 'hang') reply(null, { status: 'SERVING' });
      },
      watch: (call: ServerWritableStream<unknown, { status: 'SERVING' }>) => {
        fake.watchers.push(call);
        call.write({ status: 'SERVING' });
      },
    });
    fake.#server.addService(GRPCInferenceService.service, {
      ModelStreamInfer: (call: ServerDuplexStream<{ id: string }, object>) => {
        call.on('data', ({ id }) => call.write({ infer_response: { id } }));
        call.on('end', () => call.end());
      },
    });
    const address = `127.0.0.1:${portOf(config.listen.port_base, 'inferenceGrpc')}`;
    await new Promise<void>((resolve, reject) => {
      fake.#server.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
    return fake;
  }

  [Symbol.dispose](): void {
    this.#server.forceShutdown();
  }
}

/** Credentials of the client in `files`, trusting the CA of `envoy`. */
export function mutualCredentials(envoy: TestEnvoy, files: EdgeFiles = envoy.files): ChannelCredentials {
  return credentials.createSsl(
    Buffer.from(envoy.files.readInternal('ca.crt')),
    Buffer.from(files.readInternal('client.key')),
    Buffer.from(files.readInternal('client.crt')),
  );
}

/** A client of the internal listener. */
export function healthClient(envoy: TestEnvoy, channel: ChannelCredentials): InstanceType<typeof Health> {
  return new Health(`localhost:${portOf(envoy.config.listen.port_base, 'internalGrpcMtls')}`, channel);
}

export function inferenceClient(
  envoy: TestEnvoy,
  channel: ChannelCredentials,
): InstanceType<typeof GRPCInferenceService> {
  const port = portOf(envoy.config.listen.port_base, 'internalGrpcMtls');
  return new GRPCInferenceService(`localhost:${port}`, channel);
}

export interface Check {
  readonly channel: ChannelCredentials;
  readonly service?: string;
  readonly metadata?: Metadata;
}

/** One health check through the internal listener. Rejects with a ServiceError. */
export function check(envoy: TestEnvoy, options: Check): Promise<string | undefined> {
  const { channel, service = '', metadata = new Metadata() } = options;
  const client = healthClient(envoy, channel);
  return new Promise<string | undefined>((resolve, reject) => {
    client.check({ service }, metadata, { deadline: Date.now() + 15_000 }, (error, answer) =>
      error ? reject(error) : resolve(answer?.status),
    );
  }).finally(() => client.close());
}

/** The error of a call that must fail. */
export async function failureOf(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => {
      throw new Error('the call did not fail');
    },
    (error: ServiceError) => error,
  );
}
