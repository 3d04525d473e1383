import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { HEADER } from '@headgate/contracts/names';
import { eventually } from '@headgate/testkit/eventually';
import { type Answer, type Client, httpsClient } from '@headgate/testkit/http';
import { samplePhoto } from '@headgate/testkit/photos';
import { postPhoto, postPhotos } from '@headgate/testkit/predict';
import { ROOT } from '@headgate/testkit/root';
import { type OwnedStack, startStack } from '@headgate/testkit/stack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runHeadgate } from './harness/run-headgate.ts';

const PHOTO = samplePhoto('chelsea.png');
/** A picture by its first bytes, and none by the rest. */
const BROKEN = { ...PHOTO, name: 'broken.png', bytes: PHOTO.bytes.subarray(0, 2000) };

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Takes spans as a collector does. */
const spans: Span[] = [];
let collector: Server;
let stack: OwnedStack;
let client: Client;

beforeAll(async () => {
  collector = createServer(async (request, response) => {
    spans.push(...spansOf((await json(request)) as Otlp));
    response.end('{}');
  });
  await new Promise<void>((resolve) => void collector.listen(0, '127.0.0.1', resolve));
  stack = await startStack({
    env: {
      HEADGATE_TELEMETRY__TRACING__EXPORTER: 'otlp',
      HEADGATE_TELEMETRY__TRACING__ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`,
      HEADGATE_TELEMETRY__TRACING__SAMPLE_RATIO: '1',
    },
  });
  client = httpsClient(stack.ready);
});
afterAll(async () => {
  await client?.close();
  await stack?.stop();
  collector?.close();
});

interface Otlp {
  readonly resourceSpans?: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

interface OtlpSpan extends Pick<Span, 'name' | 'traceId'> {
  readonly attributes: readonly {
    readonly key: string;
    readonly value: { readonly stringValue?: string; readonly intValue?: number };
  }[];
}

function spansOf({ resourceSpans = [] }: Otlp): Span[] {
  const all = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  return all.map(({ name, traceId, attributes }) => ({
    name,
    traceId,
    attributes: Object.fromEntries(
      attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]),
    ),
  }));
}

/** `headgate … --json` beside the stack; has to succeed, at the latest when the records have arrived. */
const ask = (...argv: string[]) =>
  eventually(
    async () => {
      const { code, out, err } = await runHeadgate(stack, [...argv, '--json']);
      expect([code, err]).toEqual([0, '']);
      return JSON.parse(out);
    },
    { what: argv.join(' '), withinMs: 60_000, everyMs: 200 },
  );

/** Lines of a log that hold the text. */
const linesOf = (part: 'gateway' | 'inference', text: string) =>
  readFileSync(join(ROOT, 'state/logs', String(stack.portBase), `${part}.log`), 'utf8')
    .split('\n')
    .filter((line) => line.includes(text))
    .map((line) => JSON.parse(line));

interface Ids {
  readonly id: string | undefined;
  readonly request_id: string;
  readonly trace_id: string;
}

const idsOf = (answer: Answer): Ids => ({
  id: answer.status === 200 ? JSON.parse(answer.text).id : undefined,
  request_id: String(answer.headers[HEADER.requestId]),
  trace_id: String(answer.headers[HEADER.traceId]),
});

const spanOf = (name: string, { request_id }: Ids) =>
  eventually(
    () => spans.filter((one) => one.name === name && one.attributes['headgate.request_id'] === request_id)[0],
    {
      what: `the span ${name}`,
      withinMs: 20_000,
    },
  );

describe('a request of two images, one of which is broken', () => {
  let ids: Ids;
  beforeAll(async () => {
    const answer = await postPhotos(client, [PHOTO, BROKEN], { key: stack.ready.keys.bench });
    expect([answer.status, JSON.parse(answer.text).predictions[1].error.reason]).toEqual([
      200,
      'undecodable_image',
    ]);
    ids = idsOf(answer);
    expect(ids.trace_id).toMatch(/^[0-9a-f]{32}$/);
  });

  it.each(['id', 'request_id', 'trace_id'] as const)('is in both logs by its %s', async (kind) => {
    const text = String(ids[kind]);
    const [line] = await eventually(() => found(linesOf('gateway', text), 1), 'the line of the gateway');
    expect(line).toMatchObject({ ...ids, status: 200 });
    const lines = await eventually(() => found(linesOf('inference', text), 2), 'the lines of inference');
    for (const one of lines) expect(one).toMatchObject(ids);
    expect(new Map(lines.map(({ index, outcome }) => [index, outcome]))).toEqual(
      new Map([
        [0, 'ok'],
        [1, 'undecodable_image'],
      ]),
    );
  });

  it.each(['id', 'request_id', 'trace_id'] as const)(
    'is shown by records and audit by its %s',
    async (kind) => {
      // The audit log knows the request before its records have arrived in the store.
      const shown = await eventually(async () => {
        const view = await ask('records', 'show', String(ids[kind]));
        found(view.items, 2);
        return view;
      }, 'the records of both images');
      expect(shown).toMatchObject({ ...ids, found_by: kind });
      expect(
        shown.items.map(({ index, outcome }: { index: number; outcome: string }) => [index, outcome]),
      ).toEqual([
        [0, 'ok'],
        [1, 'undecodable_image'],
      ]);
      const { entries } = await eventually(async () => {
        const page = await ask('audit', 'find', String(ids[kind]));
        found(page.entries, 1);
        return page;
      }, 'the record of the audit log');
      expect(entries).toEqual([expect.objectContaining({ ...ids, action: 'POST /predict', outcome: '200' })]);
    },
  );

  it('has all three in the spans of gateway and inference', async () => {
    const all = { 'headgate.prediction_id': ids.id, 'headgate.request_id': ids.request_id };
    const request = await spanOf('headgate.request', ids);
    expect([request.traceId, request.attributes]).toEqual([
      ids.trace_id,
      expect.objectContaining({ ...all, 'http.route': '/predict' }),
    ]);
    const infer = await spanOf('headgate.infer', ids);
    expect([infer.traceId, infer.attributes]).toEqual([ids.trace_id, expect.objectContaining(all)]);
  });
});

it('a refused request has no prediction, and is found by its request id and trace id', async () => {
  const key = stack.ready.keys.bench;
  const answer = await postPhoto(client, PHOTO, { key, path: '/v1/models/nothing/predict' });
  const ids = idsOf(answer);
  expect([answer.status, JSON.parse(answer.text).request_id]).toEqual([404, ids.request_id]);
  for (const kind of ['request_id', 'trace_id'] as const) {
    const shown = await ask('records', 'show', ids[kind]);
    expect(shown).toMatchObject({
      found_by: kind,
      request_id: ids.request_id,
      trace_id: ids.trace_id,
      items: [],
    });
    expect(shown.audit).toEqual([expect.objectContaining({ outcome: '404', reason: 'unknown_model' })]);
    expect(linesOf('gateway', ids[kind])).toEqual([expect.objectContaining({ status: 404 })]);
  }
  expect((await spanOf('headgate.request', ids)).attributes).toMatchObject({
    'http.response.status_code': 404,
  });
});

/** What is there, once there are so many. */
function found<T>(lines: T[], count: number): T[] {
  if (lines.length < count) throw new Error(`${lines.length} of ${count}`);
  return lines;
}
