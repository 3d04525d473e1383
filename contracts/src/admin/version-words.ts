import type { ModelVersionView, ModelView, RegistryState } from './models.ts';

/** Where a version stands in the registry: the words of console, command line and docs. */
export type VersionState =
  | 'champion'
  | 'candidate'
  | 'staging'
  | 'rejected'
  | 'incomplete'
  | 'archived'
  | 'registered'
  | 'not registered';

/** Where the version stands now. An alias comes before a rejection. */
export function stateOf(version: ModelVersionView): VersionState {
  const { created_at_ms, complete, aliases, rejected, stage } = version;
  if (created_at_ms === null) return 'not registered';
  if (!complete) return 'incomplete';
  const alias = (['champion', 'candidate', 'staging'] as const).find((one) => aliases.includes(one));
  if (alias !== undefined) return alias;
  if (rejected !== null) return 'rejected';
  return stage === 'Archived' ? 'archived' : 'registered';
}

/** What the routing table does with a version, in the same places. */
export const SERVING: Readonly<Record<NonNullable<ModelVersionView['role']>, string>> = {
  control: 'serving (control)',
  treatment: 'serving (treatment)',
  loaded: 'loaded',
};

/** What is wrong with a model that is served and that the registry does not know, and its remedy; undefined for any other. */
export function unregistered({ model, versions }: ModelView, { state }: RegistryState) {
  const isKnown = versions.some((version) => stateOf(version) !== 'not registered');
  const control = versions.find(({ role }) => role === 'control')?.version;
  if (isKnown || state !== 'ok' || control === undefined) return undefined;
  return {
    text: `${model} is not registered in MLflow: it is served from the models folder, without metrics, aliases and approvals. To register its versions:`,
    command: `headgate-pipelines adopt ${model} --models models --champion ${control}`,
  };
}
