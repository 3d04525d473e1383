import { resolve } from 'node:path';
import type { ModelsView, ModelView } from '@headgate/contracts/admin/api';
import { SERVING, stateOf, unregistered } from '@headgate/contracts/admin/version-words';
import type { Command } from 'commander';
import { adminApi } from '../admin-api.ts';
import { ControlAwayError } from '../ask-control.ts';
import { NONE, paragraphs, round, time } from '../in-words.ts';
import { print, table } from '../print.ts';
import { installationOf, type Surroundings } from '../surroundings.ts';
import { type FolderVersion, versionsIn } from './folder.ts';
import { megabytes } from './show.ts';

/**
 * `headgate models list`: the models folder. Of one model that the routing table has, what control knows of its versions,
 * in the registry and in service; without control, its folder.
 */
export function addList(models: Command, around: Surroundings): void {
  models
    .command('list')
    .argument('[model]', 'only this model: with its state in the registry, whether it serves, accuracy, data')
    .description('show the versions in the models folder, or all that is known of the versions of a model')
    .action(async (model: string | undefined, _: unknown, command: Command) => {
      const installation = installationOf(command, around);
      const { registry, models: known } = await adminApi(installation, around)
        .models()
        .catch((error: unknown) => {
          if (error instanceof ControlAwayError) return AWAY;
          throw error;
        });
      const found = known.find((one) => one.model === model);
      if (found && registry) return print(command, around, { registry, ...found }, inWords);
      const dir = resolve(installation.root, installation.config.inference.models_dir);
      const inFolder = versionsIn(dir, model === undefined ? undefined : { model }).map(describe(known));
      const note = registry ? '' : 'Control does not answer: what is served is not known.';
      print(command, around, { models_dir: dir, versions: inFolder }, (shown) =>
        paragraphs(folderInWords(shown.versions), note),
      );
    });
}

const AWAY = { registry: undefined, models: [] as ModelsView['models'] };

const describe =
  (known: ModelsView['models']) =>
  ({ model, version, manifest, problem }: FolderVersion) => {
    const row = known.find((one) => one.model === model)?.versions.find((one) => one.version === version);
    return {
      model,
      version,
      kind: manifest?.kind ?? null,
      bytes: manifest
        ? [manifest.file, ...manifest.file.external_data].reduce((sum, { bytes }) => sum + bytes, 0)
        : null,
      licence: manifest?.licence ?? null,
      role: row?.role ?? null,
      problem: problem ?? null,
    };
  };

function folderInWords(versions: readonly ReturnType<ReturnType<typeof describe>>[]): string {
  const rows = versions.map(({ model, version, kind, bytes, licence, role }) => [
    model,
    version,
    kind ?? 'NOT READABLE',
    bytes === null ? NONE : megabytes(bytes),
    licence ?? NONE,
    role === null ? NONE : SERVING[role],
  ]);
  const problems = versions.flatMap(({ model, version, problem }) =>
    problem === null ? [] : [`${model}/${version}: ${problem}`],
  );
  return [table(['MODEL', 'VERSION', 'KIND', 'SIZE', 'LICENCE', 'SERVING'], rows), ...problems].join('\n');
}

function inWords({ registry, ...model }: Pick<ModelsView, 'registry'> & ModelView) {
  const { versions } = model;
  const rows = versions.map((one) => [
    one.version,
    stateOf(one),
    one.role === null ? NONE : SERVING[one.role],
    one.metrics.accuracy === undefined ? NONE : `${round(one.metrics.accuracy, 4)}`,
    one.data_version?.slice(0, 12) ?? NONE,
    one.role === null ? NONE : `${one.ready_pods} of ${one.pods} pods`,
    one.created_at_ms === null ? NONE : time(one.created_at_ms),
  ]);
  const head = ['VERSION', 'STATE', 'SERVING', 'ACCURACY', 'DATA', 'READY', 'REGISTERED'];
  const rejected = versions.flatMap(({ version, rejected: why }) =>
    why === null ? [] : [`version ${version} is rejected: ${why}`],
  );
  const problems = versions.flatMap(({ version, problem, content_differs: differs }) => [
    ...(problem === null ? [] : [`version ${version}: ${problem}`]),
    ...(differs ? [`version ${version}: inference serves another content than the registered one`] : []),
  ]);
  const adopt = unregistered(model, registry);
  const isOld = registry.state === 'unreachable' && registry.checked_at_ms !== null;
  const shown = isOld ? ` Its part of the list is of ${time(registry.checked_at_ms)}.` : '';
  const notes = [...rejected, ...problems, ...(adopt ? [`${adopt.text} ${adopt.command}`] : [])];
  return paragraphs(table(head, rows), notes.join('\n'), `${registry.detail}${shown}`);
}
