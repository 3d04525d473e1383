import { isActive, type Rollout } from '@headgate/contracts/rollout';
import { printable, printableIn } from '@headgate/runtime/printable';
import type { Command } from 'commander';
import type { AdminApi } from '../admin-api.ts';
import { ControlAwayError } from '../ask-control.ts';
import { CliError } from '../errors.ts';
import { globalsOf, type Surroundings } from '../surroundings.ts';
import { actor, because, stateInWords, transitionInWords } from './in-words.ts';

const EVERY_MS = 1000;
/** A control that restarts goes on with the rollout; one that is away for longer needs somebody. */
const AWAY_MS = 120_000;

/**
 * Prints each transition when it happens; with --json as a line of JSON.
 *
 * @returns the rollout at its end
 * @throws CliError failed when control is away for two minutes
 */
export async function follow(
  found: Rollout,
  api: AdminApi,
  command: Command,
  around: Surroundings,
): Promise<Rollout> {
  const show = globalsOf(command).json ? jsonLines(around) : textLines(around);
  let rollout = found;
  for (;;) {
    show(rollout);
    if (!isActive(rollout)) return rollout;
    await around.sleep(EVERY_MS);
    rollout = await patiently(() => api.rollout(rollout.id), around);
  }
}

/** Those that were not shown before. The list is bounded: its oldest go. */
function newTransitions() {
  let last = '';
  return ({ transitions }: Rollout) => {
    const texts = transitions.map((one) => JSON.stringify(one));
    const fresh = transitions.slice(texts.lastIndexOf(last) + 1);
    last = texts.at(-1) ?? last;
    return fresh;
  };
}

function jsonLines({ out }: Surroundings) {
  const fresh = newTransitions();
  return (rollout: Rollout) => {
    for (const transition of fresh(rollout)) out(`${printable(JSON.stringify(transition))}\n`);
  };
}

/** What the rollout waits for changes each second: a terminal shows it in place, a log does not. */
function textLines({ out, err, terminal }: Surroundings) {
  const fresh = newTransitions();
  const inPlace = (text: string) => terminal.err && err(`\r\u001b[K${text}`);
  return (rollout: Rollout) => {
    const safe = printableIn(rollout);
    inPlace('');
    for (const transition of fresh(safe)) out(`${transitionInWords(transition)}\n`);
    if (isActive(safe)) inPlace(`  ${stateInWords(safe)}`);
  };
}

async function patiently<T>(ask: () => Promise<T>, around: Surroundings): Promise<T> {
  const end = around.nowMs() + AWAY_MS;
  for (let isTold = false; ; isTold = true) {
    try {
      return await ask();
    } catch (thrown) {
      if (!(thrown instanceof ControlAwayError) || around.nowMs() >= end) throw thrown;
      if (!isTold) around.err(`headgate: ${thrown.message}; waiting for it\n`);
      await around.sleep(EVERY_MS);
    }
  }
}

/** @throws CliError rolled_back */
export function requireKept({ id, state }: Rollout): void {
  if (state.kind !== 'rolled_back') return;
  const who = `${actor(state.by)}${because(state.why)}`;
  throw new CliError('rolled_back', `rollout ${id} was rolled back by ${who}`, {
    remedy: 'correct the version, and start a new rollout: it measures again',
  });
}
