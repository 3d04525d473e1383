import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import type { RepositoryIndexResponse__Output } from '@headgate/contracts/gen/grpc/inference/RepositoryIndexResponse';
import { portOf } from '@headgate/contracts/names';
import { loadInference } from '@headgate/runtime/proto';
import { eventually } from '@headgate/testkit/eventually';
import { startPart } from '@headgate/testkit/part';
import { descendantsOf } from '@headgate/testkit/processes';
import { ROOT } from '@headgate/testkit/root';
import { createModelFolder, type ModelFolder } from './model-folder.ts';

/** Inference as a process of its own, for what can only be seen from outside: memory, processes, signals. */
export interface FrontProcess {
  readonly pid: number;
  /** Folder of the model repository. */
  readonly models: string;
  /** Why each version is not served, as the repository index says it. */
  reasons(): Promise<ReadonlyMap<string, string>>;
  /** Processes of its engines, loading ones too. */
  engines(): number[];
  infer(request: ModelInferRequest): Promise<ModelInferResponse__Output>;
  load(model: string, versions?: readonly string[]): Promise<void>;
  unload(model: string): Promise<void>;
  /** Text of the metrics page. */
  metrics(): Promise<string>;
  /** Resolves once `probe` holds; the test's own timeout is the bound. */
  until(probe: () => boolean | Promise<boolean>): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts it with version 1 of the digits model, obeying requests to load and unload.
 *
 * @param prepare puts more into the repository before
 */
export async function startFront(
  settings: Readonly<Record<string, string>> = {},
  prepare: (folder: ModelFolder) => void = () => {},
): Promise<FrontProcess> {
  const folder = createModelFolder();
  const { dir, route, remove } = folder;
  route(['1']);
  prepare(folder);
  const part = await startPart('inference', {
    readyPage: '/readyz',
    env: {
      HEADGATE_ROOT: dir,
      HEADGATE_CONFIG_DIR: join(ROOT, 'config'),
      HEADGATE_ROUTING_FILE: 'routing.yaml',
      HEADGATE_INFERENCE__MODEL_CONTROL: 'explicit',
      HEADGATE_INFERENCE__EXECUTION__INSTANCES: '1',
      HEADGATE_TELEMETRY__LOG_LEVEL: 'error',
      ...settings,
    },
  });
  const { GRPCInferenceService } = loadInference();
  const address = `127.0.0.1:${portOf(part.portBase, 'inferenceGrpc')}`;
  const client = new GRPCInferenceService(address, credentials.createInsecure(), {
    'grpc.max_reconnect_backoff_ms': 200,
  });
  const call = <T>(start: (done: (error: Error | null, answer?: T) => void) => unknown) =>
    new Promise<T>((resolve, reject) => {
      start((error, answer) => (answer ? resolve(answer) : reject(error)));
    });
  return {
    pid: part.pid,
    models: join(dir, 'models'),
    engines: () => descendantsOf(part.pid).map((engine) => engine.pid),
    infer: (request) => call((done) => client.modelInfer(request, done)),
    load: async (model_name, versions) => {
      const config = versions && JSON.stringify({ version_policy: { specific: { versions } } });
      const parameters = config ? { config: { string_param: config } } : {};
      await call((done) => client.repositoryModelLoad({ model_name, parameters }, done));
    },
    reasons: async () => {
      const { models } = await call<RepositoryIndexResponse__Output>((done) =>
        client.repositoryIndex({}, done),
      );
      return new Map(models.map(({ name, reason }) => [name, reason]));
    },
    unload: async (model_name) => {
      await call((done) => client.repositoryModelUnload({ model_name }, done));
    },
    metrics: async () => (await part.page('/metrics')).text,
    until: (probe) =>
      eventually(probe, { what: 'what the test waits for', withinMs: 300_000 }).then(() => {}),
    async stop() {
      client.close();
      await part.stop();
      remove();
    },
  };
}
