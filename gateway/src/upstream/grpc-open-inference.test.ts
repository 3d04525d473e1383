import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { loadInference } from '@headgate/runtime/proto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Channels, openChannels } from './channels.ts';
import { callOnce } from './first-attempt.ts';
import { grpcOpenInference } from './grpc-open-inference.ts';
import type { CallContext, OpenInference } from './open-inference.ts';

interface Seen {
  readonly method: string;
  readonly request: object;
  readonly metadata: Record<string, unknown>;
}

/** Answers of the methods, by name; a method without one fails. */
const ANSWERS: Record<string, object> = {
  ModelInfer: { model_name: 'net', raw_output_contents: [Buffer.from([1])] },
  ServerMetadata: { name: 'headgate' },
  ModelMetadata: { name: 'net' },
  ModelConfig: { config: { name: 'net' } },
  ModelStatistics: { model_stats: [] },
  RepositoryIndex: { models: [] },
  RepositoryModelLoad: {},
};

const context = (changes: Partial<CallContext> = {}): CallContext => ({
  requestId: 'r-1',
  tenant: 'tenant-1',
  variant: 'int8',
  trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true },
  remainingMs: 5000,
  signal: new AbortController().signal,
  ...changes,
});

describe('grpcOpenInference', () => {
  let server: Server;
  let channels: Channels;
  let inference: OpenInference;
  let seen: Seen[];

  beforeEach(async () => {
    seen = [];
    const handlerOf =
      (method: string) =>
      (
        { request, metadata }: { request: object; metadata: Metadata },
        done: (error: object | null, answer?: object) => void,
      ) => {
        seen.push({ method, request, metadata: metadata.getMap() });
        const answer = ANSWERS[method];
        const reason = new Metadata();
        reason.set('headgate-reason', 'model_control_off');
        if (answer) done(null, answer);
        else done({ code: status.FAILED_PRECONDITION, details: 'Not here.', metadata: reason });
      };
    const { service } = loadInference().GRPCInferenceService;
    server = new Server();
    server.addService(
      service,
      Object.fromEntries(Object.keys(service).map((name) => [name, handlerOf(name)])),
    );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    channels = openChannels({ target: `127.0.0.1:${port}`, count: 1, messageBytes: 2 ** 20 });
    inference = grpcOpenInference(channels, callOnce(channels));
  });
  afterEach(() => {
    channels.close();
    server.forceShutdown();
  });

  const name = { model: 'net', version: '2' };
  const calls: [string, (it: OpenInference) => Promise<unknown>, object, object][] = [
    [
      'ModelInfer',
      (it) => it.infer({ model_name: 'net', raw_input_contents: [Uint8Array.of(7)] }, context()),
      { model_name: 'net', raw_input_contents: [Buffer.from([7])] },
      { model_name: 'net', raw_output_contents: [Buffer.from([1])] },
    ],
    ['ServerMetadata', (it) => it.serverMetadata(context()), {}, { name: 'headgate', extensions: [] }],
    [
      'ModelMetadata',
      (it) => it.modelMetadata(name, context()),
      { name: 'net', version: '2' },
      { name: 'net' },
    ],
    [
      'ModelConfig',
      (it) => it.modelConfig(name, context()),
      { name: 'net', version: '2' },
      { config: { name: 'net' } },
    ],
    [
      'ModelStatistics',
      (it) => it.statistics(name, context()),
      { name: 'net', version: '2' },
      { model_stats: [] },
    ],
    ['RepositoryIndex', (it) => it.repositoryIndex(true, context()), { ready: true }, { models: [] }],
  ];

  it.each(calls)('%s travels with ids, variant and trace', async (method, call, request, answer) => {
    expect(await call(inference)).toMatchObject(answer);
    expect(seen).toMatchObject([
      {
        method,
        request,
        metadata: {
          'x-request-id': 'r-1',
          'x-headgate-tenant': 'tenant-1',
          'x-headgate-variant': 'int8',
          traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
        },
      },
    ]);
    expect(channels.outstanding()).toBe(0);
  });

  it('loads with the parameters of the caller', async () => {
    await inference.load('net', { config: { string_param: '{}' } }, context());
    expect(seen).toMatchObject([
      {
        method: 'RepositoryModelLoad',
        request: { model_name: 'net', parameters: { config: { string_param: '{}' } } },
      },
    ]);
  });

  it('passes on the reason of a refusal', async () => {
    await expect(inference.unload('net', context())).rejects.toMatchObject({
      reason: 'model_control_off',
      detail: 'Not here.',
    });
  });

  it('asks nothing for a request that is over', async () => {
    const signal = AbortSignal.abort();
    await expect(inference.serverMetadata(context({ signal }))).rejects.toMatchObject({
      reason: 'cancelled',
    });
    expect(seen).toEqual([]);
  });
});
