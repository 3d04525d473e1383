import { readFileSync } from 'node:fs';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import { HEADER, METADATA } from '@headgate/contracts/names';
import { encodeBytesTensor } from '@headgate/contracts/tensor';
import { loadInference } from '@headgate/runtime/proto';
import { Pool } from 'undici';
import { type Encoding, encodePhoto } from './encode.ts';
import type { BenchPhoto } from './photos.ts';

/** gRPC speaks to inference directly; http and https post photos in the encoding that the server documents. */
export type Target =
  | { readonly kind: 'grpc'; readonly address: string; readonly model: string; readonly version: string }
  | {
      readonly kind: 'http';
      readonly origin: string;
      readonly path: string;
      readonly caFile: string | null;
      /** API key; other servers need none. */
      readonly key?: string;
      /** How a photo becomes a body; the plain file by default. */
      readonly encoding?: Encoding;
    };

interface SendOptions {
  /** How long the server may take, in ms: told to it, and a little later the client gives up. */
  readonly deadlineMs?: number;
}

/** What came back: 'ok', or the status and reason of what came instead. */
type Outcome = string;

export interface Sender {
  /** Sends the photo with this number; never throws. */
  send(index: number, options?: SendOptions): Promise<Outcome>;
  /** Sends it and answers the class that came first. @throws Error when there is no such answer */
  classify(index: number): Promise<number>;
  close(): void;
}

/** Longest wait where the caller gives no deadline, in ms. */
const PATIENCE_MS = 30_000;
/** What the client waits beyond the deadline, so that the server's own answer is seen. */
const GRACE_MS = 250;
const GAVE_UP = 'client gave up';

/**
 * Requests are encoded once and answers are not parsed, because the client shares the cores with the servers.
 *
 * @param connections of HTTP; null: as many as there are requests at a time
 */
export function openSender(
  target: Target,
  photos: readonly BenchPhoto[],
  connections: number | null,
): Sender {
  return target.kind === 'grpc' ? grpcSender(target, photos) : httpSender(target, photos, connections);
}

const METHOD = '/inference.GRPCInferenceService/ModelInfer';
const asIs = (message: Buffer) => message;

function grpcSender(
  { address, model, version }: Extract<Target, { kind: 'grpc' }>,
  photos: readonly BenchPhoto[],
): Sender {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.enable_retries': 0 });
  const { requestSerialize, responseDeserialize } = loadInference().GRPCInferenceService.service.ModelInfer;
  const messages = photos.map(({ bytes }) => {
    const request: ModelInferRequest = {
      model_name: model,
      model_version: version,
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [1] }],
      raw_input_contents: [encodeBytesTensor([bytes])],
    };
    return requestSerialize(request);
  });
  const metadata = new Metadata();
  const call = (index: number, deadlineMs: number) =>
    new Promise<Buffer>((resolve, reject) => {
      const options = { deadline: Date.now() + deadlineMs };
      const message = messages[index % messages.length] as Buffer;
      client.makeUnaryRequest(METHOD, asIs, asIs, message, metadata, options, (error, answer) =>
        answer ? resolve(answer) : reject(error),
      );
    });
  return {
    send: (index, { deadlineMs = PATIENCE_MS } = {}) => call(index, deadlineMs).then(() => 'ok', grpcOutcome),
    classify: async (index) => {
      const { outputs, raw_output_contents } = responseDeserialize(await call(index, PATIENCE_MS));
      const at = outputs.findIndex(({ name }) => name === 'class_id');
      return (raw_output_contents[at] as Buffer).readInt32LE(0);
    },
    close: () => client.close(),
  };
}

function grpcOutcome({ code, metadata }: ServiceError): Outcome {
  return `${code} ${metadata?.get(METADATA.reason)[0] ?? GAVE_UP}`;
}

function httpSender(
  target: Extract<Target, { kind: 'http' }>,
  photos: readonly BenchPhoto[],
  connections: number | null,
): Sender {
  const { origin, path, caFile, key, encoding = 'raw' } = target;
  const pool = new Pool(origin, {
    connections,
    allowH2: false,
    headersTimeout: 2 * PATIENCE_MS,
    connect: caFile ? { ca: readFileSync(caFile) } : {},
  });
  const requests = photos.map((photo) => {
    const { body, contentType } = encodePhoto(photo, encoding);
    return { body, headers: { 'content-type': contentType, ...(key && { [HEADER.apiKey]: key }) } };
  });
  const post = (index: number, headers: Readonly<Record<string, string>>, signal: AbortSignal) => {
    const request = requests[index % requests.length] as (typeof requests)[number];
    const all = { ...request.headers, ...headers };
    return pool.request({ method: 'POST', path, headers: all, body: request.body, signal });
  };
  return {
    send: async (index, { deadlineMs } = {}) => {
      const headers = deadlineMs === undefined ? {} : { [HEADER.timeoutMs]: String(deadlineMs) };
      return await patiently(deadlineMs ?? PATIENCE_MS, async (signal) => {
        const { statusCode, body } = await post(index, headers, signal);
        if (statusCode !== 200) return `${statusCode} ${reasonIn(await body.text())}`.trim();
        await body.dump();
        return 'ok';
      });
    },
    classify: async (index) => {
      const { statusCode, body } = await post(index, {}, AbortSignal.timeout(PATIENCE_MS));
      const text = await body.text();
      if (statusCode !== 200) throw new Error(`${statusCode}: ${text.slice(0, 200)}`);
      return firstClassIn(text);
    },
    close: () => void pool.destroy(),
  };
}

/** Runs a request and gives up a little after its deadline. */
async function patiently(
  deadlineMs: number,
  request: (signal: AbortSignal) => Promise<Outcome>,
): Promise<Outcome> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), deadlineMs + GRACE_MS);
  try {
    return await request(late.signal);
  } catch (error) {
    if (late.signal.aborted) return GAVE_UP;
    return (error as NodeJS.ErrnoException).code ?? 'no answer';
  } finally {
    clearTimeout(timer);
  }
}

/** The machine-readable reason of a problem body, '' in other servers' answers. */
function reasonIn(body: string): string {
  return /"reason":\s*"(\w+)"/.exec(body)?.[1] ?? '';
}

/** Every server here lists the likeliest class first, in JSON, or in JSON within a JSON string. */
export function firstClassIn(body: string): number {
  const match = /class_id\\?"\s*:\s*(\d+)/.exec(body);
  if (!match) throw new Error(`no class in ${body.slice(0, 200)}`);
  return Number(match[1]);
}
