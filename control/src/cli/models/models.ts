import type { LiveModel, LiveView } from '@headgate/contracts/admin/api';
import { SERVING } from '@headgate/contracts/admin/version-words';
import type { Command } from 'commander';
import { adminApiOf } from '../admin-api.ts';
import { NONE, percent } from '../in-words.ts';
import { print, table } from '../print.ts';
import type { Surroundings } from '../surroundings.ts';
import { addImport } from './import.ts';
import { addList } from './list.ts';
import { addRemove } from './remove.ts';
import { addShow } from './show.ts';
import { addVerify } from './verify.ts';
import { addApprove, addReject, addRollback } from './versions.ts';

/** `headgate models`: what is served, and which of it is ready; below it the versions of the registry. */
export function addModels(program: Command, around: Surroundings): void {
  const models = program
    .command('models')
    .description('show models, their served versions and readiness, and which version is control')
    .action(async (_: unknown, command: Command) => {
      const { default_model, models } = await adminApiOf(command, around).live();
      print(command, around, { default_model, models: models.map(describe) }, inWords);
    });
  for (const add of [addImport, addVerify, addList, addShow, addRemove, addApprove, addReject, addRollback])
    add(models, around);
}

interface Described {
  readonly model: string;
  readonly versions: readonly {
    readonly version: string;
    readonly variant: string | null;
    readonly role: 'control' | 'treatment' | null;
    readonly weight: number | null;
    readonly ready: number;
    readonly pods: number;
  }[];
}

function describe({ model, versions, variants }: LiveModel): Described {
  return {
    model,
    versions: versions.map(({ version, pods }) => {
      const variant = variants.find((one) => one.version === version);
      return {
        version,
        variant: variant?.name ?? null,
        role: variant?.role ?? null,
        weight: variant?.weight ?? null,
        ready: pods.filter(({ ready }) => ready).length,
        pods: pods.length,
      };
    }),
  };
}

function inWords({
  default_model,
  models,
}: { models: readonly Described[] } & Pick<LiveView, 'default_model'>): string {
  const rows = models.flatMap(({ model, versions }) =>
    versions.map(({ version, variant, role, weight, ready, pods }) => [
      model === default_model ? `${model} (default)` : model,
      version,
      variant ?? NONE,
      SERVING[role ?? 'loaded'],
      percent(weight),
      `${ready} of ${pods} pods`,
    ]),
  );
  return table(['MODEL', 'VERSION', 'VARIANT', 'SERVING', 'SHARE', 'READY'], rows);
}
