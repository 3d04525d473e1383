import { HeadgateError } from '@headgate/contracts/errors';
import type { ModelRepositoryParameter__Output } from '@headgate/contracts/gen/grpc/inference/ModelRepositoryParameter';
import type { _inference_RepositoryIndexResponse_ModelIndex as ModelIndex } from '@headgate/contracts/gen/grpc/inference/RepositoryIndexResponse';
import { describeIssues, IN_WORDS } from '@headgate/contracts/issues';
import { z } from 'zod';
import type { Catalogue } from './catalogue.ts';
import type { Deployment } from './deployment.ts';
import type { ModelRepository } from './repository.ts';
import { wordingOf } from './wording.ts';

export interface ModelControlOptions {
  readonly catalogue: Catalogue;
  readonly repository: ModelRepository;
  /** Folders of versions; taken out of what callers read. */
  readonly roots: readonly string[];
  /** routing: only the index answers. */
  readonly mode: 'routing' | 'explicit';
}

type Parameters = Readonly<Record<string, ModelRepositoryParameter__Output>>;

/** What of a model configuration can be chosen when loading; the rest is in the manifest. */
const configSchema = z.strictObject({
  version_policy: z
    .union([
      z.strictObject({ latest: z.strictObject({ num_versions: z.int().min(1).default(1) }) }),
      z.strictObject({ all: z.strictObject({}) }),
      z.strictObject({
        specific: z.strictObject({ versions: z.array(z.union([z.int(), z.string()])).min(1) }),
      }),
    ])
    .optional(),
});
type VersionPolicy = NonNullable<z.infer<typeof configSchema>['version_policy']>;

/** The states of Triton's repository index. */
const STATES = { ready: 'READY', loading: 'LOADING', failed: 'UNAVAILABLE', retired: 'UNLOADING' } as const;

/** The model repository as Triton's clients see it: what is there, and, where that is allowed, what is served. */
export class ModelControl {
  readonly #options: ModelControlOptions;
  /** Models that are being loaded or unloaded: one request at a time for each. */
  readonly #busy = new Set<string>();

  constructor(options: ModelControlOptions) {
    this.#options = options;
  }

  /** Every version that is in the repository or should be. */
  async index({ readyOnly }: { readonly readyOnly: boolean }): Promise<ModelIndex[]> {
    const { catalogue, repository } = this.#options;
    const rows = new Map<string, ModelIndex>();
    const put = (row: ModelIndex) => rows.set(`${row.name}/${row.version}`, row);
    for (const { model, version } of await repository.list()) {
      put({ name: model, version, state: 'UNAVAILABLE', reason: this.#whyNotServed(model, version) });
    }
    for (const deployment of [...catalogue.retiring(), ...catalogue.all()]) put(this.#rowOf(deployment));
    return [...rows.values()].filter(({ state }) => !readyOnly || state === 'READY');
  }

  /** Versions that should be served and are not, or not as they are in the repository. */
  problems(): readonly { readonly model: string; readonly version: string; readonly reason: string }[] {
    return this.#options.catalogue
      .all()
      .map((one) => ({ model: one.model, version: one.version, reason: this.#rowOf(one).reason ?? '' }))
      .filter(({ reason }) => reason !== '');
  }

  /**
   * Loads or reloads a model, and returns when all of its versions are ready.
   *
   * @throws HeadgateError model_control_off, invalid_request, unknown_model, unknown_version, unavailable, load_failed
   */
  async load(model: string, parameters: Parameters): Promise<void> {
    this.#mayControl();
    const policy = policyOf(parameters);
    await this.#exclusively(model, async () => {
      const versions = await this.#versionsToLoad(model, policy);
      await this.#options.catalogue.load(model, versions).catch((cause: unknown) => {
        const detail = `${model} could not be loaded; what was served before still is. ${this.#wordingOf(cause)}`;
        throw new HeadgateError('load_failed', detail, { cause });
      });
    });
  }

  /** @throws HeadgateError model_control_off, unknown_model, unavailable */
  async unload(model: string): Promise<void> {
    this.#mayControl();
    const { catalogue } = this.#options;
    await this.#exclusively(model, async () => {
      if (catalogue.versions(model).length === 0) throw unknownModel('no model of this name is served');
      catalogue.unload(model);
    });
  }

  /**
   * Reloads versions that changed in the repository since they were loaded, in every mode: which versions are served
   * stays as it is. A version that cannot be loaded is served as it was.
   *
   * @returns the reloaded versions
   */
  async reloadChanged(): Promise<string[]> {
    const { catalogue } = this.#options;
    const reloaded: string[] = [];
    for (const { model, version, changedOnDisk } of catalogue.all()) {
      if (!changedOnDisk) continue;
      const reload = this.#exclusively(model, () => catalogue.reload(model, [version]));
      // The deployment has logged and counted what is wrong.
      const isLoaded = await reload.then(() => true, () => false); // biome-ignore format: one line reads best
      if (isLoaded) reloaded.push(`${model}/${version}`);
    }
    return reloaded;
  }

  #mayControl(): void {
    if (this.#options.mode === 'explicit') return;
    throw new HeadgateError(
      'model_control_off',
      'The routing table decides what is served here; loading and unloading by request takes ' +
        'inference.model_control: explicit.',
    );
  }

  async #exclusively(model: string, work: () => Promise<void>): Promise<void> {
    if (this.#busy.has(model)) {
      const detail = `${model} is being loaded or unloaded already; please try again.`;
      throw new HeadgateError('unavailable', detail, { retryAfterMs: 1000 });
    }
    this.#busy.add(model);
    try {
      await work();
    } finally {
      this.#busy.delete(model);
    }
  }

  async #versionsToLoad(model: string, policy: VersionPolicy | undefined): Promise<string[]> {
    const { catalogue, repository } = this.#options;
    const there = (await repository.list())
      .filter((one) => one.model === model)
      .map(({ version }) => version);
    if (there.length === 0) throw unknownModel('the repository has no model of this name');
    const routed = catalogue.routedVersions(model);
    if (!policy) return routed.length > 0 ? [...routed] : there.slice(-1);
    if ('all' in policy) return there;
    if ('latest' in policy) return there.slice(-policy.latest.num_versions);
    const named = [...new Set(policy.specific.versions.map(String))];
    const absent = named.find((version) => !there.includes(version));
    if (absent === undefined) return named;
    throw new HeadgateError('unknown_version', 'version_policy: the repository has no such version.');
  }

  #rowOf(deployment: Deployment): ModelIndex {
    const { model, version, status, problem, changedOnDisk } = deployment;
    const state = STATES[status];
    if (status === 'failed') return { name: model, version, state, reason: this.#wordingOf(problem) };
    const failure = this.#options.catalogue.failure(model, version);
    const reasons = [
      ...(changedOnDisk ? ['changed in the repository; served as it was loaded'] : []),
      ...(failure ? [`served as before, since the last load failed: ${this.#wordingOf(failure)}`] : []),
    ];
    return { name: model, version, state, reason: status === 'ready' ? reasons.join('; ') : '' };
  }

  #whyNotServed(model: string, version: string): string {
    const failure = this.#options.catalogue.failure(model, version);
    if (failure) return this.#wordingOf(failure);
    return this.#options.mode === 'routing' ? 'not named by the routing table' : 'not loaded';
  }

  #wordingOf(problem: unknown): string {
    return wordingOf(problem, this.#options.roots);
  }
}

function policyOf({ config, ...others }: Parameters): VersionPolicy | undefined {
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw invalid(
      `parameters.${unknown}: expected no parameter besides config; files come from the repository`,
    );
  }
  if (!config) return undefined;
  const parsed = configSchema.safeParse(jsonOf(config.string_param), IN_WORDS);
  if (parsed.success) return parsed.data.version_policy;
  throw invalid(
    `parameters.config: expected version_policy and nothing else (${describeIssues(parsed.error).join('; ')})`,
  );
}

function jsonOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    throw invalid('parameters.config: expected JSON in string_param');
  }
}

function invalid(detail: string): HeadgateError {
  return new HeadgateError('invalid_request', `${detail}.`);
}

function unknownModel(what: string): HeadgateError {
  return new HeadgateError('unknown_model', `model_name: ${what}.`);
}
