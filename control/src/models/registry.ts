import { type Alias, manifestDigestOf } from '@headgate/contracts/registry';
import type { ModelRegistry, RegisteredVersion as StoredVersion } from '@headgate/runtime/registry/mlflow';

/** What control asks of the registry. Each call has a limit in time, and throws where the registry does not answer. */
export type Registry = Pick<
  ModelRegistry,
  'models' | 'versions' | 'metrics' | 'setAlias' | 'deleteAlias' | 'setTag' | 'deleteTag'
>;

export interface RegisteredVersion extends StoredVersion {
  /** Of its run. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** A registered model with its versions. */
export interface Registered {
  /** Version by alias. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Newest first. */
  readonly versions: readonly RegisteredVersion[];
}

/** Whether its registration has ended: nothing serves an incomplete version. */
export const isComplete = (version: Pick<StoredVersion, 'tags'>): boolean =>
  manifestDigestOf(version) !== undefined;

/** The version that gets all units where `control.staged` is `serve`: the staged one, else the champion. */
export const servedOf = (model: Registered): string | undefined =>
  completeOf(model, 'staging') ?? completeOf(model, 'champion');

/** The complete version that has an alias. */
export function completeOf({ aliases, versions }: Registered, alias: Alias): string | undefined {
  return versions.find((one) => one.version === aliases[alias] && isComplete(one))?.version;
}
