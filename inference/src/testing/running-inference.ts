import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CallOptions, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { portOf } from '@headgate/contracts/names';
import { encodeBytesTensor } from '@headgate/contracts/tensor';
import { createLogger } from '@headgate/runtime/logger';
import { loadHealth, loadInference } from '@headgate/runtime/proto';
import { testConfig } from '@headgate/testkit/config';
import { eventually } from '@headgate/testkit/eventually';
import { startFaultProxy } from '@headgate/testkit/fault-proxy';
import { freePortBase } from '@headgate/testkit/ports';
import { ROOT } from '@headgate/testkit/root';
import { startInference } from '../inference.ts';
import type { InferenceOptions } from '../options.ts';
import { createModelFolder, type ModelFolder } from './model-folder.ts';

/** The committed picture of a 7. */
export const SEVEN = readFileSync(join(ROOT, 'samples/digit-7.png'));

const until: RunningInference['until'] = (probe) =>
  eventually(probe, { what: 'what the test waits for', withinMs: 120_000, everyMs: 10 }).then(() => {});

export interface RunningInference extends Omit<ModelFolder, 'remove'> {
  /** Lines that were logged so far. */
  log(): string;
  infer(
    request: ModelInferRequest,
    options?: CallOptions,
    metadata?: Metadata,
  ): Promise<ModelInferResponse__Output>;
  /** A client whose connection can be cut, as when a machine or a network fails. */
  connectCuttable(): Promise<{ readonly client: RunningInference['client']; cut(): void }>;
  readonly client: InstanceType<ReturnType<typeof loadInference>['GRPCInferenceService']>;
  readonly health: InstanceType<ReturnType<typeof loadHealth>['Health']>;
  /** Body of a page of the internal port. */
  get(path: string): Promise<{ status: number; text: string }>;
  /** Resolves once every version that it started with is warm or has failed. */
  started(): Promise<void>;
  /** Resolves once `probe` holds; the test's own timeout is the bound. */
  until(probe: () => Promise<boolean>): Promise<void>;
  stop(): Promise<void>;
}

/** The whole inference process but its entry, in this process, with real engines, on free ports and loopback. */
export async function runInference(
  versions: readonly string[],
  settings: Readonly<Record<string, string>> = {},
  prepare?: (folder: ModelFolder) => void,
  times: InferenceOptions['times'] = {},
): Promise<RunningInference> {
  const folder = createModelFolder();
  prepare?.(folder);
  folder.route(versions);
  const portBase = await freePortBase();
  const env = {
    HEADGATE_LISTEN__PORT_BASE: String(portBase),
    HEADGATE_ROUTING_FILE: 'routing.yaml',
    HEADGATE_INFERENCE__EXECUTION__INSTANCES: '1',
    ...settings,
  };
  const config = testConfig(env);
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLogger({ service: 'inference', level: 'info', destination });
  const engineEntry = new URL('../engine/child/main.ts', import.meta.url);
  const options = { config, root: folder.dir, env: process.env, log, engineEntry, cores: 2, times };
  const inference = await startInference(options).catch((error) => {
    folder.remove();
    throw error;
  });
  const clients = clientsOf(portBase);
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= inference.stop().finally(() => {
      clients.client.close();
      clients.health.close();
      folder.remove();
    });
    return stopped;
  };
  const started = () => until(async () => (await clients.get('/readyz')).status === 200);
  return { ...folder, ...clients, log: () => lines.join(''), started, until, stop };
}

function clientsOf(
  portBase: number,
): Pick<RunningInference, 'infer' | 'connectCuttable' | 'client' | 'health' | 'get'> {
  const port = portOf(portBase, 'inferenceGrpc');
  const connect = (to: number) =>
    new (loadInference().GRPCInferenceService)(`127.0.0.1:${to}`, credentials.createInsecure());
  const client = connect(port);
  return {
    client,
    health: new (loadHealth().Health)(`127.0.0.1:${port}`, credentials.createInsecure()),
    infer: (request, options = {}, metadata = new Metadata()) =>
      new Promise((resolve, reject) =>
        client.modelInfer(request, metadata, options, (error, response) =>
          response ? resolve(response) : reject(error),
        ),
      ),
    async connectCuttable() {
      const proxy = await startFaultProxy(port);
      const behind = connect(proxy.port);
      const cut = () => {
        proxy.close();
        behind.close();
      };
      return { client: behind, cut };
    },
    async get(path) {
      const response = await fetch(`http://127.0.0.1:${portOf(portBase, 'inferenceInternal')}${path}`);
      return { status: response.status, text: await response.text() };
    },
  };
}

/** A request for the given encoded images. */
export function imageRequest(images: readonly Uint8Array[], version = ''): ModelInferRequest {
  return {
    model_name: 'digits',
    model_version: version,
    id: 'a-request',
    inputs: [{ name: 'image', datatype: 'BYTES', shape: [images.length] }],
    raw_input_contents: [encodeBytesTensor(images)],
  };
}

/** The `headgate-reason` trailer with which a call failed; `ok` when it succeeded. */
export function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'ok',
    (error: ServiceError) => String(error.metadata.get('headgate-reason')[0] ?? `code ${error.code}`),
  );
}
