import type { RoutingView } from '@headgate/contracts/admin/api';
import type { Command } from 'commander';
import { adminApiOf } from '../admin-api.ts';
import { CliError } from '../errors.ts';
import { changeInWords, paragraphs, percent, refusalInWords } from '../in-words.ts';
import { print, table } from '../print.ts';
import type { Surroundings } from '../surroundings.ts';
import { addAdd } from './add.ts';
import { addExplain } from './explain.ts';
import { addSet } from './set.ts';

/** `headgate route`: the routing table, and whom it sends where. */
export function addRoute(program: Command, around: Surroundings): void {
  const route = program
    .command('route')
    .description('show and change the weights of variants, and explain whom they send where');
  for (const add of [addGet, addSet, addAdd, addExplain]) add(route, around);
}

function addGet(route: Command, around: Surroundings): void {
  route
    .command('get')
    .argument('[model]', 'only this model')
    .description('show the routing table in force, its revision, and who wrote it')
    .action(async (model: string | undefined, _: unknown, command: Command) => {
      const view = await adminApiOf(command, around).routing();
      if (model !== undefined) modelIn(view, model);
      const models = Object.entries(view.routing.models).filter(([name]) => (model ?? name) === name);
      const shown = { ...view, routing: { ...view.routing, models: Object.fromEntries(models) } };
      print(command, around, shown, inWords);
    });
}

/** @throws CliError not_found */
export function modelIn({ routing }: RoutingView, model: string) {
  const found = Object.hasOwn(routing.models, model) ? routing.models[model] : undefined;
  if (found) return found;
  throw new CliError('not_found', `there is no model ${model} in the routing table`, {
    remedy: `choose one of ${Object.keys(routing.models).join(', ')}`,
  });
}

function inWords(view: RoutingView): string {
  const { routing, in_force: inForce } = view;
  const tables = Object.entries(routing.models).map(([model, { versions, experiment }]) => {
    const rows = experiment.variants.map(({ name, version, weight }, index) => [
      index === 0 ? `${name} (control)` : name,
      version,
      percent(weight),
    ]);
    const head = `${model}: experiment ${experiment.name}, served versions ${versions.join(', ')}`;
    return `${head}\n${table(['VARIANT', 'VERSION', 'SHARE'], rows)}`;
  });
  return paragraphs(
    refusalInWords(view),
    ...tables,
    `revision ${inForce.revision}, ${changeInWords(inForce)}`,
  );
}
