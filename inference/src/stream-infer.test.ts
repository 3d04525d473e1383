import { connect } from 'node:http2';
import {
  type ClientDuplexStream,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerOptions,
} from '@grpc/grpc-js';
import { HeadgateError } from '@headgate/contracts/errors';
import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelStreamInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelStreamInferResponse';
import { METADATA, STREAM } from '@headgate/contracts/names';
import type { AuditEntry } from '@headgate/journal/audit/sink';
import { loadInference } from '@headgate/runtime/proto';
import { afterEach, describe, expect, it } from 'vitest';
import { Auditor } from './auditor.ts';
import { widenWindows } from './http2.ts';
import type { Call } from './pipeline.ts';
import { InferStreams } from './stream-infer.ts';

type Stream = ClientDuplexStream<ModelInferRequest, ModelStreamInferResponse__Output>;

/** A call that the server has and that the test answers. */
interface Pending {
  readonly call: Call;
  answer(): void;
  fail(error: HeadgateError): void;
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function serveStreams(options: ServerOptions = {}) {
  const pending: Pending[] = [];
  const records: AuditEntry[] = [];
  const sink = { record: (entry: AuditEntry) => void records.push(entry), change: async () => undefined };
  const infer = (call: Call) => {
    if (call.refusal) return Promise.reject(call.refusal);
    const { promise, resolve, reject } = Promise.withResolvers<object>();
    const { id } = call.request;
    call.signal.addEventListener('abort', () => reject(new HeadgateError('cancelled', 'Cancelled.')));
    pending.push({ call, answer: () => resolve({ id, model_name: call.request.model_name }), fail: reject });
    return promise;
  };
  const streams = new InferStreams({
    infer,
    defaultDeadlineMs: 30_000,
    audit: new Auditor({ audit: sink, epochMs: () => 0 }),
    onRefused: () => undefined,
  });
  const server = new Server(options);
  widenWindows(server);
  server.addService(loadInference().GRPCInferenceService.service, { ModelStreamInfer: streams.handler });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );
  const client = new (loadInference().GRPCInferenceService)(
    `127.0.0.1:${port}`,
    credentials.createInsecure(),
  );
  closers.push(
    () => client.close(),
    () => server.forceShutdown(),
  );
  const open = (metadata = new Metadata()) => {
    const stream = client.modelStreamInfer(metadata);
    const answers: ModelStreamInferResponse__Output[] = [];
    const ended = new Promise<void>((resolve) => stream.once('end', resolve));
    stream.on('data', (answer: ModelStreamInferResponse__Output) => answers.push(answer));
    stream.on('error', () => {});
    return { stream, answers, ended };
  };
  return { streams, server, pending, records, open, port };
}

function send(stream: Stream, id: string, parameters: ModelInferRequest['parameters'] = {}): void {
  stream.write({ model_name: 'net', id, parameters, inputs: [{ name: 'x' }] });
}

function cancel(stream: Stream, id: string): void {
  stream.write({ id, parameters: { [STREAM.cancel]: { bool_param: true } } });
}

const until = (probe: () => boolean) => expect.poll(probe, { interval: 5, timeout: 5_000 }).toBe(true);
const idsOf = (answers: readonly ModelStreamInferResponse__Output[]) =>
  answers.map(({ infer_response }) => infer_response?.id);
const reasonsOf = (answers: readonly ModelStreamInferResponse__Output[]) =>
  answers.map(({ infer_response }) => infer_response?.parameters[STREAM.reason]?.string_param ?? 'ok');

describe('ModelStreamInfer', () => {
  it('answers calls in the order in which they end', async () => {
    const { pending, open } = await serveStreams();
    const { stream, answers } = open();
    for (const id of ['1', '2', '3']) send(stream, id);
    await until(() => pending.length === 3);
    for (const call of pending.toReversed()) call.answer();
    await until(() => answers.length === 3);
    expect(idsOf(answers)).toEqual(['3', '2', '1']);
    expect(answers.map(({ error_message }) => error_message)).toEqual(['', '', '']);
  });

  it('reads deadline, request id, variant, tenant and trace from the message', async () => {
    const { pending, open } = await serveStreams();
    const { stream } = open();
    send(stream, '1', {
      [STREAM.deadlineMs]: { int64_param: 250 },
      [STREAM.requestId]: { string_param: 'r1' },
      [STREAM.variant]: { string_param: 'treatment' },
      [STREAM.tenant]: { string_param: 'acme' },
      [STREAM.traceparent]: { string_param: 'a-trace' },
    });
    send(stream, '2');
    await until(() => pending.length === 2);
    expect(pending[0]?.call).toMatchObject({
      remainingMs: 250,
      requestId: 'r1',
      variant: 'treatment',
      tenant: 'acme',
      traceparent: 'a-trace',
    });
    expect(pending[1]?.call).toMatchObject({ remainingMs: 30_000, tenant: undefined });
  });

  it('goes on after a call that failed, and says reason and retry time of that call', async () => {
    const { pending, open } = await serveStreams();
    const { stream, answers } = open();
    send(stream, '1');
    send(stream, '2');
    await until(() => pending.length === 2);
    pending[0]?.fail(new HeadgateError('overloaded', 'No room.', { retryAfterMs: 12.5 }));
    pending[1]?.answer();
    await until(() => answers.length === 2);
    expect(answers[0]).toMatchObject({
      error_message: 'No room.',
      infer_response: {
        id: '1',
        parameters: {
          [STREAM.reason]: { string_param: 'overloaded' },
          [STREAM.retryAfterMs]: { int64_param: 13 },
        },
      },
    });
    expect(answers[1]).toMatchObject({ error_message: '', infer_response: { id: '2' } });
  });

  it('cancels the call with the id of a cancel message, and no other', async () => {
    const { pending, open } = await serveStreams();
    const { stream, answers } = open();
    send(stream, '1');
    send(stream, '2');
    cancel(stream, '1');
    cancel(stream, 'unknown');
    await until(() => answers.length === 1);
    expect([idsOf(answers), reasonsOf(answers)]).toEqual([['1'], ['cancelled']]);
    pending[1]?.answer();
    await until(() => answers.length === 2);
    cancel(stream, '2');
    send(stream, '1');
    await until(() => pending.length === 3);
  });

  it('cancels what is in progress when the caller goes away', async () => {
    const { pending, open } = await serveStreams();
    const { stream } = open();
    send(stream, '1');
    send(stream, '');
    await until(() => pending.length === 2);
    stream.cancel();
    await until(() => pending.every(({ call }) => call.signal.aborted));
  });

  it('refuses an id that is in progress, and takes any number of calls without id', async () => {
    const { pending, open } = await serveStreams();
    const { stream, answers } = open();
    for (const id of ['1', '1', '', '']) send(stream, id);
    await until(() => answers.length === 1 && pending.length === 3);
    expect(reasonsOf(answers)).toEqual(['invalid_request']);
    for (const call of pending) call.answer();
    await until(() => answers.length === 4);
    expect(idsOf(answers)).toEqual(['1', '1', '', '']);
  });

  it('refuses calls beyond its bound as overloaded', async () => {
    const { pending, open } = await serveStreams();
    const { stream, answers } = open();
    for (let id = 0; id < 1025; id += 1) send(stream, String(id));
    await until(() => answers.length === 1);
    expect(reasonsOf(answers)).toEqual(['overloaded']);
    expect(pending).toHaveLength(1024);
  });

  it('does not read on from a caller that does not read its answers', async () => {
    const { pending, open } = await serveStreams();
    const { stream, answers } = open();
    stream.pause();
    const large = 'x'.repeat(100_000);
    let sent = 0;
    // The caller sends on until its last message stays unsent, which 1000 messages never fit in.
    for (let unsentTurns = 0; unsentTurns < 100; unsentTurns += 1) {
      for (const call of pending.splice(0)) call.answer();
      if (stream.writableLength === 0) {
        stream.write({ model_name: large, id: String(sent), inputs: [{ name: 'x' }] });
        sent += 1;
        unsentTurns = 0;
      }
      expect(sent).toBeLessThan(1000);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const answering = setInterval(() => {
      for (const call of pending.splice(0)) call.answer();
    }, 1);
    stream.resume();
    await until(() => answers.length === sent);
    clearInterval(answering);
  });

  it('ends after the answers when the caller has half-closed', async () => {
    const { pending, open } = await serveStreams();
    const { stream, answers, ended } = open();
    send(stream, '1');
    stream.end();
    await until(() => pending.length === 1);
    pending[0]?.answer();
    await ended;
    expect(idsOf(answers)).toEqual(['1']);
  });

  it('finishes calls in progress while it drains, refuses new ones, and ends', async () => {
    const { streams, pending, open } = await serveStreams();
    const { stream, answers, ended } = open();
    const idle = open();
    send(stream, '1');
    send(idle.stream, '1');
    await until(() => pending.length === 2);
    pending[1]?.answer();
    await until(() => idle.answers.length === 1);
    streams.drain();
    await idle.ended;
    send(stream, '2');
    await until(() => answers.length === 1);
    expect([idsOf(answers), reasonsOf(answers)]).toEqual([['2'], ['unavailable']]);
    pending[0]?.answer();
    await ended;
    expect(idsOf(answers)).toEqual(['2', '1']);
  });

  it('does the same when its connection is of age', async () => {
    const { pending, open } = await serveStreams({ 'grpc.max_connection_age_ms': 200 });
    const { stream, answers, ended } = open();
    send(stream, '1');
    await until(() => pending.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    send(stream, '2');
    await until(() => answers.length === 1);
    expect([idsOf(answers), reasonsOf(answers)]).toEqual([['2'], ['unavailable']]);
    pending[0]?.answer();
    await ended;
    expect(reasonsOf(answers)).toEqual(['unavailable', 'ok']);
  });
});

describe('ModelStreamInfer for outside callers', () => {
  const outside = new Metadata();
  outside.set(METADATA.clientCertificate, 'Subject="CN=billing"');
  outside.set(METADATA.requestId, 'from-envoy');

  it('ignores what Envoy removes from their metadata: tenant, variant and request id', async () => {
    const { pending, open } = await serveStreams();
    const { stream } = open(outside);
    send(stream, '1', {
      [STREAM.tenant]: { string_param: 'acme' },
      [STREAM.variant]: { string_param: 'treatment' },
      [STREAM.requestId]: { string_param: 'forged' },
    });
    await until(() => pending.length === 1);
    expect(pending[0]?.call).toMatchObject({
      tenant: undefined,
      variant: undefined,
      requestId: 'from-envoy',
      peer: 'CN=billing',
    });
  });

  it('puts each call on record, refused ones included', async () => {
    const { pending, records, open } = await serveStreams();
    const { stream, answers } = open(outside);
    for (const id of ['1', '2', '2']) send(stream, id);
    await until(() => pending.length === 2 && answers.length === 1);
    pending[0]?.answer();
    pending[1]?.fail(new HeadgateError('unavailable', 'Gone.'));
    await until(() => answers.length === 3);
    expect(records.map(({ status, reason }) => [status, reason])).toEqual([
      [3, 'invalid_request'],
      [0, undefined],
      [14, 'unavailable'],
    ]);
    expect(records[0]).toMatchObject({
      keyId: 'cert:CN=billing',
      requestId: 'from-envoy',
      route: '/inference.GRPCInferenceService/ModelStreamInfer',
    });
  });

  it('puts calls of the gateway on no record here', async () => {
    const { pending, records, open } = await serveStreams();
    const { stream, answers } = open();
    send(stream, '1');
    await until(() => pending.length === 1);
    pending[0]?.answer();
    await until(() => answers.length === 1);
    expect(records).toEqual([]);
  });
});

it('grants windows into which a photo fits, on streams and on their connection', async () => {
  const { port } = await serveStreams();
  const session = connect(`http://127.0.0.1:${port}`);
  closers.push(() => session.destroy());
  await new Promise((resolve) => session.once('remoteSettings', resolve));
  await until(() => (session.state.remoteWindowSize ?? 0) > 1_000_000);
  expect(session.remoteSettings.initialWindowSize).toBeGreaterThan(1_000_000);
});
