import { resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { z } from 'zod';
import { POLICIES } from '../resilience/policies.ts';
import { createPolicy } from '../resilience/policy.ts';
import type { ResilienceReport } from '../resilience/report.ts';
import { type Call, type DownloadLimits, mlflowCalls, RegistryError } from './mlflow-calls.ts';

export { RegistryError } from './mlflow-calls.ts';

/** A version as it is registered. Its name and number come from a server: check them before they become a path. */
export interface RegisteredVersion {
  readonly model: string;
  readonly version: string;
  readonly createdAtMs: number;
  /** Run that holds its files; empty when it was registered without one. */
  readonly runId: string;
  readonly tags: Readonly<Record<string, string>>;
}

export interface RegisteredModel {
  readonly model: string;
  /** Alias → version. */
  readonly aliases: Readonly<Record<string, string>>;
}

/** The calls of MLflow that Headgate needs (decision 0110). Each throws RegistryError, or the reason of `signal`. */
export interface ModelRegistry {
  models(signal?: AbortSignal): Promise<RegisteredModel[]>;
  /** Versions of all models; complete or not. */
  versions(signal?: AbortSignal): Promise<RegisteredVersion[]>;
  /** Undefined when there is no such version. */
  version(model: string, version: string, signal?: AbortSignal): Promise<RegisteredVersion | undefined>;
  /** Last values of the metrics of a run; those that are no numbers are left out. */
  metrics(runId: string, signal?: AbortSignal): Promise<Record<string, number>>;
  /** Moves the alias when another version has it. */
  setAlias(model: string, alias: string, version: string): Promise<void>;
  /** No error when there is no such alias. */
  deleteAlias(model: string, alias: string): Promise<void>;
  setTag(model: string, version: string, key: string, value: string): Promise<void>;
  /** No error when there is no such tag. */
  deleteTag(model: string, version: string, key: string): Promise<void>;
  /**
   * A file of a version as a stream, by one attempt.
   *
   * @param path below the folder of the version
   */
  download(version: RegisteredVersion, path: string, limits: DownloadLimits): AsyncIterable<Uint8Array>;
}

export interface RegistryOptions {
  /** Base of the relative paths in the configuration. */
  readonly root: string;
  readonly report: ResilienceReport;
}

/** The registry that the configuration names; undefined when it names none. */
export function openRegistry(
  { registry: { url, token_file, timeout_ms } }: Pick<Config, 'registry'>,
  { root, report }: RegistryOptions,
): ModelRegistry | undefined {
  if (url === '') return undefined;
  const policy = createPolicy({
    dependency: 'registry',
    config: { timeout_ms, ...POLICIES.registry },
    report,
    isFailure: (error) => !(error instanceof RegistryError && error.isRefusal),
  });
  const tokenFile = token_file === '' ? undefined : resolve(root, token_file);
  return mlflow(mlflowCalls({ url, tokenFile, timeoutMs: timeout_ms, policy }));
}

/** 200 versions with their tags take half a MiB; 10,000 are more than a registry of models has. */
const PAGE = 200;
const MAX_PAGES = 50;
/** The folder of a version among the artifacts of its run. */
const FOLDER = 'version';

const next_page_token = z.string().default('');
const versionSchema = z
  .object({
    name: z.string(),
    version: z.string(),
    creation_timestamp: z.coerce.number(),
    run_id: z.string().default(''),
    tags: z.array(z.object({ key: z.string(), value: z.string().default('') })).default([]),
  })
  .transform(({ name, version, creation_timestamp, run_id, tags }) => ({
    model: name,
    version,
    createdAtMs: creation_timestamp,
    runId: run_id,
    tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
  }));
const modelSchema = z
  .object({
    name: z.string(),
    aliases: z.array(z.object({ alias: z.string(), version: z.string() })).default([]),
  })
  .transform(({ name, aliases }) => ({
    model: name,
    aliases: Object.fromEntries(aliases.map(({ alias, version }) => [alias, version])),
  }));
const versionsPage = z
  .object({ model_versions: z.array(versionSchema).default([]), next_page_token })
  .transform(({ model_versions: rows, next_page_token: next }) => ({ rows, next }));
const modelsPage = z
  .object({ registered_models: z.array(modelSchema).default([]), next_page_token })
  .transform(({ registered_models: rows, next_page_token: next }) => ({ rows, next }));
const oneVersion = z.object({ model_version: versionSchema });
const metricSchema = z.object({ key: z.string(), value: z.unknown() });
const oneRun = z.object({
  run: z.object({ data: z.object({ metrics: z.array(metricSchema).default([]) }) }),
});

function mlflow({ ask, download }: ReturnType<typeof mlflowCalls>): ModelRegistry {
  const get = <T>(schema: z.ZodType<T>, path: string, query: Call['query'], signal?: AbortSignal) =>
    ask(schema, { method: 'GET', path, query, signal });
  const all = async <Row>(
    page: z.ZodType<{ rows: Row[]; next: string }>,
    path: string,
    signal?: AbortSignal,
  ) => {
    const rows: Row[] = [];
    let token = '';
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const answer = await get(page, path, { max_results: String(PAGE), page_token: token }, signal);
      rows.push(...answer.rows);
      if (answer.next === '') return rows;
      token = answer.next;
    }
    throw new RegistryError(path, `more than ${MAX_PAGES * PAGE} rows`, { kind: 'wrong' });
  };
  const change = async (method: 'POST' | 'DELETE', path: string, body: NonNullable<Call['body']>) => {
    await ask(z.object({}), { method, path, body });
  };
  return {
    models: (signal) => all(modelsPage, 'registered-models/search', signal),
    versions: (signal) => all(versionsPage, 'model-versions/search', signal),
    async version(name, version, signal) {
      try {
        const answer = await get(oneVersion, 'model-versions/get', { name, version }, signal);
        return answer.model_version;
      } catch (error) {
        // 400: the version is not a number, which all versions of MLflow are.
        if (error instanceof RegistryError && (error.status === 404 || error.status === 400))
          return undefined;
        throw error;
      }
    },
    async metrics(run_id, signal) {
      const { run } = await get(oneRun, 'runs/get', { run_id }, signal);
      const numbers = run.data.metrics.flatMap(({ key, value }) =>
        typeof value === 'number' ? [[key, value] as const] : [],
      );
      return Object.fromEntries(numbers);
    },
    setAlias: (name, alias, version) => change('POST', 'registered-models/alias', { name, alias, version }),
    deleteAlias: (name, alias) => change('DELETE', 'registered-models/alias', { name, alias }),
    setTag: (name, version, key, value) =>
      change('POST', 'model-versions/set-tag', { name, version, key, value }),
    deleteTag: (name, version, key) => change('DELETE', 'model-versions/delete-tag', { name, version, key }),
    download: ({ runId }, path, limits) => download({ run_id: runId, path: `${FOLDER}/${path}` }, limits),
  };
}
