import type {
  DependencyView,
  LiveModel,
  LiveVariant,
  LiveView,
  PodView,
} from '@headgate/contracts/admin/api';
import { isActive, type Rollout } from '@headgate/contracts/rollout';
import type { Command } from 'commander';
import { type AdminApi, adminApiOf } from './admin-api.ts';
import { ControlAwayError } from './ask-control.ts';
import { CliError } from './errors.ts';
import { type Problem, problemsIn, requireNone } from './health.ts';
import {
  changeInWords,
  indented,
  milliseconds,
  NONE,
  paragraphs,
  percent,
  refusalInWords,
  round,
  yesNo,
} from './in-words.ts';
import { print, table } from './print.ts';
import { stateInWords } from './rollout/in-words.ts';
import { globalsOf, type Surroundings } from './surroundings.ts';

const WATCH_EVERY_MS = 2000;
/** Cursor to the corner, and erase from there. */
const CLEAR = '\u001b[H\u001b[J';

interface Status {
  /** Why the exit code is not 0. */
  readonly problems: readonly Problem[];
  readonly live: LiveView;
  readonly rollouts: readonly Rollout[];
  /** Those that are neither ok nor off. */
  readonly dependencies: readonly DependencyView[];
}

/** `headgate status`: what is live, on one screen. */
export function addStatus(program: Command, around: Surroundings): void {
  program
    .command('status')
    .description('show what is live: variants, shares, figures, rollouts, and what is not in order')
    .option('--watch', 'show it again every 2 s, until Ctrl-C')
    .action(async ({ watch = false }: { watch?: boolean }, command: Command) => {
      const api = adminApiOf(command, around);
      if (watch) return watchStatus(api, command, around);
      const status = await readStatus(api).catch(asDown);
      print(command, around, status, inWords);
      requireNone(status.problems, 'headgate doctor shows what to do');
    });
}

/** Control is what is asked after. */
function asDown(thrown: unknown): never {
  if (!(thrown instanceof ControlAwayError)) throw thrown;
  throw new CliError('down', thrown.message, { remedy: thrown.remedy, cause: thrown });
}

/** Ends by a signal alone. Waits for a control that does not answer, and says so. */
async function watchStatus(api: AdminApi, command: Command, around: Surroundings): Promise<never> {
  const clear = around.terminal.out && !globalsOf(command).json ? CLEAR : '';
  for (;;) {
    try {
      const status = await readStatus(api);
      around.out(clear);
      print(command, around, status, inWords);
    } catch (thrown) {
      if (!(thrown instanceof ControlAwayError)) throw thrown;
      around.err(`headgate: ${thrown.message}\n`);
    }
    await around.sleep(WATCH_EVERY_MS);
  }
}

async function readStatus(api: AdminApi): Promise<Status> {
  const [live, { rollouts }, { dependencies }] = await Promise.all([
    api.live(),
    api.rollouts(),
    api.dependencies(),
  ]);
  return {
    problems: [...problemsInLive(live), ...problemsIn(dependencies)],
    live,
    rollouts: rollouts.filter(isActive),
    // A refused table has its notice at the top.
    dependencies: dependencies.filter(
      ({ name, state }) =>
        state !== 'ok' && state !== 'off' && !(name === 'routing table' && live.routing.refused.length > 0),
    ),
  };
}

function problemsInLive({ fresh, gateways, models }: LiveView): Problem[] {
  const unready = models.flatMap(({ model, variants }) =>
    variants.filter(({ weight, ready }) => weight > 0 && !ready).map(({ version }) => `${model}/${version}`),
  );
  const down = [
    ...unready.map((version) => `${version} is not ready`),
    ...(gateways.some(({ ready }) => ready) ? [] : ['no gateway is ready']),
    ...(fresh ? [] : ['not every gateway gave its figures in the last 5 s']),
  ];
  return down.map((text) => ({ state: 'down', text }));
}

function inWords({ live, rollouts, dependencies }: Status): string {
  return paragraphs(
    refusalInWords(live.routing),
    ...live.models.map((model) => modelInWords(model, live.default_model)),
    rollouts
      .map((rollout) => `rollout ${rollout.id} of ${rollout.model}: ${stateInWords(rollout)}`)
      .join('\n'),
    `${sourceInWords(live)}\n${podsInWords('gateways', live.gateways)}`,
    dependencies.map(dependencyInWords).join('\n'),
  );
}

const HEADINGS = [
  'VARIANT',
  'VERSION',
  'TARGET',
  'OBSERVED',
  'READY',
  'REQUESTS',
  'ERRORS',
  'P50',
  'P95',
  'WITHIN',
];

function modelInWords({ model, experiment, variants }: LiveModel, defaultModel: string): string {
  const mark = model === defaultModel ? ' (default)' : '';
  return `${model}${mark}, experiment ${experiment}\n${indented(table(HEADINGS, variants.map(rowOf)))}`;
}

function rowOf({ name, version, role, weight, ready, figures, observed }: LiveVariant): string[] {
  return [
    role === 'control' ? `${name} (control)` : name,
    version,
    percent(weight),
    observed === null
      ? NONE
      : `${percent(observed.share)} (${round(observed.low, 2)} to ${round(observed.high, 2)})`,
    yesNo(ready),
    ...(figures === null
      ? [NONE, NONE, NONE, NONE, NONE]
      : [
          String(figures.requests),
          String(figures.errors),
          milliseconds(figures.p50_ms),
          milliseconds(figures.p95_ms),
          `${figures.window_s} s`,
        ]),
  ];
}

function sourceInWords({ routing }: LiveView): string {
  const from = routing.source === 'file' ? 'file' : 'ConfigMap';
  return `routing table: ${from}, ${changeInWords(routing.in_force)}`;
}

function podsInWords(what: string, pods: readonly PodView[]): string {
  const away = pods.filter(({ ready }) => !ready).map(({ address }) => address);
  const missing = away.length === 0 ? '' : `; not ready: ${away.join(', ')}`;
  return `${what}: ${pods.length - away.length} of ${pods.length} ready${missing}`;
}

/** What was found, and what to do about it. */
export function dependencyInWords({
  name,
  state,
  detail,
  remedy,
}: Omit<DependencyView, 'checked_at_ms'>): string {
  const line = `${state.toUpperCase().padEnd(8)}  ${name}: ${detail}`;
  return remedy === '' ? line : `${line}\n          ${remedy}`;
}
