import type { Explanation } from '@headgate/contracts/admin/api';
import { HEADER } from '@headgate/contracts/names';
import type { Command } from 'commander';
import { adminApiOf, modelOr } from '../admin-api.ts';
import { CliError } from '../errors.ts';
import { print } from '../print.ts';
import type { Surroundings } from '../surroundings.ts';

interface ExplainOptions {
  readonly unit?: string;
  readonly key?: string;
  readonly header?: string;
  readonly model?: string;
}

/** As the gateway accepts it: visible ASCII. */
const UNIT = /^[\x21-\x7e]{1,128}$/;
/** `hg_<id>_<secret>`: people paste whole keys. */
const WHOLE_KEY = /^hg_([a-z0-9]{4,32})_/;

export function addExplain(route: Command, around: Surroundings): void {
  route
    .command('explain')
    .description('say which variant a caller gets, by which rule, and why')
    .option('--unit <text>', `unit of the experiment, as in the header ${HEADER.unit}`)
    .option('--key <id>', 'id of the API key of a caller that names no unit')
    .option('--header <line>', `a header of the request, such as 'X-Headgate-Unit: alice'`)
    .option('--model <name>', 'model that is called (default: the default model)')
    .action(async (options: ExplainOptions, command: Command) => {
      const who = callerOf(options);
      const api = adminApiOf(command, around);
      const explanation = await api.explain(await modelOr(options.model, api), who);
      print(command, around, explanation, inWords);
    });
}

/** A header wins over the key, as in the gateway. @throws CliError usage */
function callerOf({ unit, key, header }: ExplainOptions): { unit: string } | { key: string } {
  const named = unit ?? (header === undefined ? undefined : unitIn(header));
  if (named !== undefined && UNIT.test(named)) return { unit: named };
  if (named !== undefined) {
    throw new CliError('usage', 'the gateway refuses this unit', {
      remedy: 'a unit has 1 to 128 visible ASCII characters',
    });
  }
  if (key !== undefined) return { key: WHOLE_KEY.exec(key)?.[1] ?? key };
  throw new CliError('usage', 'nobody is named to explain', {
    remedy: 'add --unit, --key or --header',
  });
}

function unitIn(header: string): string {
  const [, name = '', value = ''] = /^([^:]+):\s*(.*?)\s*$/.exec(header) ?? [];
  if (name.trim().toLowerCase() === HEADER.unit) return value;
  throw new CliError('usage', 'this header does not choose a variant', {
    remedy: `only ${HEADER.unit} does, and without it the key: write --header '${HEADER.unit}: alice'`,
  });
}

function inWords({ model, experiment, bucket, range, rule, assigned, served, why }: Explanation): string {
  const [from, to] = range;
  return [
    `model       ${model}, experiment ${experiment}`,
    `rule        ${rule}`,
    `bucket      ${bucket}; ${assigned.variant} owns ${from} to ${to - 1} of 10,000`,
    `assigned    ${assigned.variant}, version ${assigned.version}`,
    `served      ${served.variant}, version ${served.version}`,
    ...why.map((reason, index) => `${index === 0 ? 'why' : '   '}         ${reason}`),
  ].join('\n');
}
