import type { RoutingView, WeightsChange, WeightsPreview } from '@headgate/contracts/admin/api';
import type { ModelRouting } from '@headgate/contracts/routing';
import { printable, printableIn } from '@headgate/runtime/printable';
import type { Command } from 'commander';
import { type AdminApi, adminApiOf } from '../admin-api.ts';
import { CliError } from '../errors.ts';
import { changeInWords, paragraphs, percent, refusalInWords, round } from '../in-words.ts';
import { print } from '../print.ts';
import { withProgress } from '../progress.ts';
import type { Surroundings } from '../surroundings.ts';
import { awaitInForce, type InForce } from './in-force.ts';
import { modelIn } from './route.ts';

type Weights = WeightsChange['weights'];

interface Seen {
  readonly view: RoutingView;
  readonly moves: WeightsPreview['moves'];
}

interface Result {
  readonly model: string;
  readonly weights: Weights;
  readonly moves: WeightsPreview['moves'];
  readonly revision: string;
  readonly gateways: InForce;
}

export function addSet(route: Command, around: Surroundings): void {
  route
    .command('set')
    .argument('<model>', 'model of the routing table')
    .argument(
      '<variant=percent...>',
      'new weights; others stay, and control gets the rest unless it is named',
    )
    .description('show who would move, ask, write the weights, and wait until all gateways follow')
    .option('--yes', 'do not ask; needed where nobody can answer')
    .action(async (model: string, given: string[], { yes = false }: { yes?: boolean }, command: Command) => {
      const api = adminApiOf(command, around);
      const view = await api.routing();
      const weights = weightsOf(given, modelIn(view, model));
      const { issues, moves } = await api.preview(model, weights);
      if (issues.length > 0) {
        throw new CliError('usage', issues.join('; '), {
          remedy: 'correct the weights; headgate route get shows the present ones',
        });
      }
      if (!yes) await askFirst(printableIn({ view, moves }), around);
      else if (view.refused.length > 0) {
        around.err(printable(`headgate: this replaces a refused table, ${changeInWords(view)}\n`));
      }
      const result = await write(api, { model, weights, moves, view }, around);
      print(command, around, result, inWords);
      requireInForce(result.gateways);
    });
}

/** Weights by variant: the given ones, the others as they are, and control with the rest. @throws CliError usage, not_found */
function weightsOf(given: readonly string[], { experiment: { variants } }: ModelRouting): Weights {
  const weights = Object.fromEntries(variants.map(({ name, weight }) => [name, weight]));
  const named = new Set<string>();
  for (const text of given) {
    const [, name = '', share = ''] = /^(.+)=(\d+(?:\.\d{1,2})?)%?$/.exec(text) ?? [];
    if (share === '' || Number(share) > 100) {
      throw new CliError('usage', `${text} is no weight`, {
        remedy: 'write a variant and 0 to 100 percent with at most two decimals: int8=10',
      });
    }
    if (!Object.hasOwn(weights, name)) {
      throw new CliError('not_found', `there is no variant ${name}`, {
        remedy: `choose one of ${Object.keys(weights).join(', ')}`,
      });
    }
    weights[name] = Number(share);
    named.add(name);
  }
  const [control, ...treatments] = variants.map(({ name }) => name);
  if (control !== undefined && !named.has(control)) {
    const treated = round(
      treatments.reduce((sum, name) => sum + (weights[name] ?? 0), 0),
      2,
    );
    if (treated > 100) {
      throw new CliError('usage', `without ${control}, the weights add up to ${treated} %`, {
        remedy: `lower one of ${treatments.join(', ')}`,
      });
    }
    weights[control] = round(100 - treated, 2);
  }
  return weights;
}

/** @throws CliError usage where nobody can be asked, conflict when the person declines */
async function askFirst({ view, moves }: Seen, around: Surroundings): Promise<void> {
  if (!around.terminal.in) {
    throw new CliError('usage', 'nobody is here to confirm the change', { remedy: 'add --yes' });
  }
  const refusal = refusalInWords(view, 'This change replaces it.');
  const answer = await around.ask(`${paragraphs(refusal, movesInWords(moves))}\nWrite these weights? [y/N] `);
  if (/^y(es)?$/i.test(answer.trim())) return;
  throw new CliError('conflict', 'nothing was changed', { remedy: 'answer y to write the weights' });
}

async function write(
  api: AdminApi,
  { model, weights, moves, view }: Seen & Pick<Result, 'model' | 'weights'>,
  around: Surroundings,
): Promise<Result> {
  const { revision } = await api.setWeights(model, { revision: view.revision, weights });
  const { gateways } = await api.live();
  const inForce = awaitInForce(gateways, { model, weights }, around);
  return {
    model,
    weights,
    moves,
    revision,
    gateways: await withProgress('waiting for the gateways', around, inForce),
  };
}

function movesInWords(moves: WeightsPreview['moves']): string {
  if (moves.length === 0) return 'nobody moves';
  return moves
    .map(({ from, to, share, units }) => {
      const seen = units === null ? '' : `, ${units} of those seen in the last 24 hours`;
      return `${percent(share)} of all units move from ${from} to ${to}${seen}`;
    })
    .join('\n');
}

function inWords({ model, weights, moves, gateways }: Result): string {
  const shares = Object.entries(weights).map(([name, weight]) => `${name} ${percent(weight)}`);
  const { in_force: following, lacking, unasked } = gateways;
  const all = following.length + lacking.length + unasked.length;
  return `${movesInWords(moves)}\n${model}: ${shares.join(', ')}, in force on ${following.length} of ${all} gateways`;
}

/** @throws CliError failed when a gateway lacks the weights, unchecked when one cannot be asked */
function requireInForce({ lacking, unasked }: InForce): void {
  if (lacking.length > 0) {
    throw new CliError('failed', `the weights are written, but not in force on ${lacking.join(', ')}`, {
      remedy: 'headgate status says whether the table is refused; the log of that gateway says why',
    });
  }
  if (unasked.length > 0) {
    throw new CliError('unchecked', `the weights are written; ${unasked.join(', ')} cannot be asked`, {
      remedy: 'run the command where the internal ports of the gateways can be reached',
    });
  }
}
