import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CallOptions, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { portOf } from '@headgate/contracts/names';
import { encodeBytesTensor } from '@headgate/contracts/tensor';
import { loadConfig } from '@headgate/runtime/load-config';
import { createLogger } from '@headgate/runtime/logger';
import { loadHealth, loadInference } from '@headgate/runtime/proto';
import { eventually } from '@headgate/testkit/eventually';
import { startFaultProxy } from '@headgate/testkit/fault-proxy';
import { freePortBase } from '@headgate/testkit/ports';
import { ROOT } from '@headgate/testkit/root';
import { type Inference, startInference } from '../inference.ts';
import type { InferenceOptions } from '../options.ts';
import { type TensorModel, writeTensorModel } from './tensor-models.ts';

/** The committed picture of a 7. */
export const SEVEN = readFileSync(join(ROOT, 'samples/digit-7.png'));

const until: RunningInference['until'] = (probe) =>
  eventually(probe, { what: 'what the test waits for', withinMs: 120_000, everyMs: 10 }).then(() => {});

export interface RunningInference {
  /** Folder that holds `models/` and `routing.yaml`. */
  readonly dir: string;
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
  /** Replaces the routing table. */
  route(versions: readonly string[]): void;
  /** Adds a version of the digits model; `damage` may spoil its files. */
  addVersion(version: string, damage?: (folder: string) => void): void;
  /** Adds version 1 of a tensor model, and names it in every routing table that is written from now on. */
  addTensorModel(name: string, model: TensorModel): void;
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
  prepare?: (running: Pick<RunningInference, 'dir' | 'addVersion' | 'addTensorModel'>) => void,
  times: InferenceOptions['times'] = {},
): Promise<RunningInference> {
  const dir = mkdtempSync(join(tmpdir(), 'headgate-inference-'));
  const portBase = await freePortBase();
  const lines: string[] = [];
  const log = createLogger({
    service: 'inference',
    level: 'info',
    destination: { write: (line) => void lines.push(line) },
  });
  const tensorModels: string[] = [];
  const route = (served: readonly string[]) =>
    writeFileSync(join(dir, 'routing.yaml'), routingOf(served, tensorModels));
  const addTensorModel: RunningInference['addTensorModel'] = (name, model) => {
    writeTensorModel(join(dir, 'models'), name, model);
    tensorModels.push(name);
  };
  const addVersion: RunningInference['addVersion'] = (version, damage) => {
    const folder = join(dir, 'models/digits', version);
    mkdirSync(folder, { recursive: true });
    cpSync(join(ROOT, 'models/digits/1'), folder, { recursive: true });
    const manifest = readFileSync(join(folder, 'manifest.yaml'), 'utf8');
    writeFileSync(join(folder, 'manifest.yaml'), manifest.replace('version: "1"', `version: "${version}"`));
    damage?.(folder);
  };
  addVersion('1');
  prepare?.({ dir, addVersion, addTensorModel });
  route(versions);
  cpSync(join(ROOT, 'samples/digit-7.png'), join(dir, 'samples/digit-7.png'));
  const config = loadConfig({
    dir: join(ROOT, 'config'),
    environment: 'dev',
    env: {
      HEADGATE_LISTEN__PORT_BASE: String(portBase),
      HEADGATE_ROUTING_FILE: 'routing.yaml',
      HEADGATE_INFERENCE__EXECUTION__INSTANCES: '1',
      ...settings,
    },
  });
  const engineEntry = new URL('../engine/child/main.ts', import.meta.url);
  const options = { config, root: dir, env: process.env, log, engineEntry, cores: 2, times };
  const inference: Inference = await startInference(options);
  const address = `127.0.0.1:${portOf(portBase, 'inferenceGrpc')}`;
  const connect = (to: string) =>
    new (loadInference().GRPCInferenceService)(to, credentials.createInsecure());
  const client = connect(address);
  const health = new (loadHealth().Health)(address, credentials.createInsecure());
  const connectCuttable = async () => {
    const proxy = await startFaultProxy(portOf(portBase, 'inferenceGrpc'));
    const behind = connect(`127.0.0.1:${proxy.port}`);
    const cut = () => {
      proxy.close();
      behind.close();
    };
    return { client: behind, cut };
  };
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${portOf(portBase, 'inferenceInternal')}${path}`);
    return { status: response.status, text: await response.text() };
  };
  const started = () => until(async () => (await get('/readyz')).status === 200);
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= inference.stop().finally(() => {
      client.close();
      health.close();
      rmSync(dir, { recursive: true });
    });
    return stopped;
  };
  const infer: RunningInference['infer'] = (request, callOptions = {}, metadata = new Metadata()) =>
    new Promise((resolve, reject) =>
      client.modelInfer(request, metadata, callOptions, (error, response) =>
        response ? resolve(response) : reject(error),
      ),
    );
  return {
    dir,
    log: () => lines.join(''),
    infer,
    connectCuttable,
    client,
    health,
    get,
    route,
    addVersion,
    addTensorModel,
    started,
    until,
    stop,
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

/** The digits model in the given versions, the first of which is the control, and version 1 of other models. */
function routingOf(versions: readonly string[], others: readonly string[]): string {
  const entry = (name: string, served: readonly string[]) => {
    const variants = [{ name: 'control', version: served[0], weight: 100 }];
    return [name, { versions: served, experiment: { name, salt: name, variants } }];
  };
  const models = [entry('digits', versions), ...others.map((name) => entry(name, ['1']))];
  return JSON.stringify({ schema: 1, default_model: 'digits', models: Object.fromEntries(models) });
}
