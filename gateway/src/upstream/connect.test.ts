import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { HeadgateError } from '@headgate/contracts/errors';
import { loadInference } from '@headgate/runtime/proto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callContext, deadlineIn, poolOf } from '../testing/calls.ts';
import { Attempts } from './attempts.ts';
import { grpcInference } from './connect.ts';
import type { Pool } from './connection.ts';
import type { CallContext, OpenInference } from './inference.ts';

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

const context = (changes: Partial<CallContext> = {}) =>
  callContext({ tenant: 'tenant-1', variant: 'int8', ...changes });

describe('grpcInference', () => {
  let server: Server;
  let pool: Pool;
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
    // A server without streams: ModelInfer is unary, too.
    const METHODS = Object.keys(service).filter((name) => name !== 'ModelStreamInfer');
    server = new Server();
    server.addService(service, Object.fromEntries(METHODS.map((name) => [name, handlerOf(name)])));
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    pool = poolOf(port);
    const retry = {
      min_remaining_ms: 0,
      budget: { share: 0, min_retries: 0, window_ms: 1000 },
    };
    const report = { breakerChanged() {}, retry() {} };
    inference = grpcInference(
      new Attempts({
        endpoints: () => [{ pool, serving: new Set(), onSilent: () => () => {} }],
        retry,
        report,
      }),
    );
  });
  afterEach(() => {
    pool.close();
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
    const deadline = deadlineIn(5000);
    deadline.end(new HeadgateError('cancelled', 'Gone.'));
    await expect(inference.serverMetadata(context({ deadline }))).rejects.toMatchObject({
      reason: 'cancelled',
    });
    expect(seen).toEqual([]);
  });
});
