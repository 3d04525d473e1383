import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createGuard } from './guard.mjs';
import { exitCodeOf, stopRequests } from './lifecycle.mjs';
import { nodeModulesStep, PINNED_NODE } from './node-modules.mjs';
import { runSteps, StepError } from './runner.mjs';
import { createUi } from './ui.mjs';

/**
 * @typedef {object} Bootstrapped
 * @property {string} root
 * @property {number} startedAtMs  when the command was given, in ms since the Unix epoch
 * @property {AbortSignal} signal  somebody wants this program to end
 * @property {AbortSignal} force   and does not want to wait
 * @property {import('./guard.mjs').Guard} guard
 * @property {import('./ui.mjs').Ui} ui
 */

/** The checkout that this file belongs to. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Passes that moment to the same script under the pinned Node. */
const STARTED_AT_MS = 'HEADGATE_STARTED_AT_MS';

/**
 * Runs `main` under the pinned Node with all npm packages in place. Any Node from 20 on may call this: it installs
 * what is missing, and starts the same script again under the pinned Node if need be. Exits with the code that
 * `main` returns.
 *
 * @param {string} script path of the calling script
 * @param {(context: Bootstrapped) => Promise<number>} main
 * @param {{ closingLine?: string }} [options] closingLine: printed last when setup or `main` throws
 */
export async function bootstrap(script, main, options = {}) {
  const startedAtMs = takeStartedAtMs(process.env);
  const { stop, force } = stopRequests();
  const guard = createGuard();
  const ui = createUi(process.stdout);
  try {
    const ran = await runSteps([nodeModulesStep], { root: ROOT, signal: stop, guard, ui });
    // A fresh installation may have brought another Node.
    process.exitCode =
      ran.length === 0 && isPinnedNode()
        ? await main({ root: ROOT, startedAtMs, signal: stop, force, guard, ui })
        : await runUnderPinnedNode(script, startedAtMs, { stop, force });
  } catch (error) {
    process.exitCode = stop.aborted ? exitCodeOf(stop.reason) : 1;
    if (!stop.aborted) process.stderr.write(explain(error));
    if (options.closingLine !== undefined) ui.say(options.closingLine);
  }
  await guard.close();
  // Open handles of a library must not keep a finished program alive.
  process.exit();
}

/** @param {unknown} error */
function explain(error) {
  if (!(error instanceof StepError)) return `${error instanceof Error ? error.stack : error}\n`;
  const tail = error.tail.map((line) => `    ${line}\n`).join('');
  return `\nsetup failed. ${error.message}\n${tail}  remedy: ${error.remedy}\n`;
}

/**
 * Reads the value and removes it from the environment: it is not a setting, and child processes must not see it.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {number} ms since the Unix epoch
 */
export function takeStartedAtMs(env) {
  const handedOn = Number(env[STARTED_AT_MS]);
  delete env[STARTED_AT_MS];
  return handedOn || performance.timeOrigin;
}

function isPinnedNode() {
  const pinned = join(ROOT, PINNED_NODE);
  return existsSync(pinned) && realpathSync(pinned) === realpathSync(process.execPath);
}

/**
 * Same script, same arguments, same terminal; signals and the exit code pass through. The channel between the two
 * processes lets the inner one notice when this one is gone.
 *
 * @param {string} script
 * @param {number} startedAtMs
 * @param {{ stop: AbortSignal, force: AbortSignal }} requests
 * @returns {Promise<number>}
 */
function runUnderPinnedNode(script, startedAtMs, { stop, force }) {
  const child = spawn(join(ROOT, PINNED_NODE), [script, ...process.argv.slice(2)], {
    env: { ...process.env, [STARTED_AT_MS]: String(startedAtMs) },
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  for (const signal of [stop, force]) {
    signal.addEventListener('abort', () => child.kill(signal.reason === 'SIGINT' ? 'SIGINT' : 'SIGTERM'));
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, by) => resolve(code ?? exitCodeOf(by)));
  });
}
