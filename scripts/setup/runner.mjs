import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { digestOf, sizesOf } from './digest.mjs';
import { acquireLock } from './lock.mjs';

/**
 * @typedef {object} StepContext
 * @property {string} root                           the checkout
 * @property {AbortSignal} signal
 * @property {import('./guard.mjs').Guard} guard
 * @property {import('./ui.mjs').Ui} ui
 * @property {string} logFile                        for the full output of the step's commands
 * @property {(line: string) => void} progress       shown beside the elapsed time
 *
 * @typedef {object} Step
 * @property {string} name                           of its stamp and log file
 * @property {string} title                          what progress lines call it
 * @property {readonly string[]} inputs              files and folders that decide whether it has to run again
 * @property {readonly string[]} [values]            further things that decide it
 * @property {readonly string[]} outputs             files that must be there, with the size they were made with
 * @property {(root: string) => boolean} [isStale]   true: run although nothing has changed
 * @property {(root: string) => boolean} [isDone]    true: nothing to do although there is no stamp
 * @property {(context: StepContext) => Promise<void>} run  safe to repeat, also after an interruption
 * @property {string} remedy                         what a person does when it fails
 *
 * @typedef {Omit<StepContext, 'logFile' | 'progress'>} RunnerContext
 */

/** A step failed; `cause` is what it threw. */
export class StepError extends Error {
  /**
   * @param {Step} step
   * @param {unknown} cause
   */
  constructor(step, cause) {
    super(`${step.title}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    this.name = 'StepError';
    this.remedy = step.remedy;
    /** @type {readonly string[]} */
    this.tail = /** @type {{ tail?: readonly string[] }} */ (cause)?.tail ?? [];
  }
}

/**
 * Runs the steps in order, each only if its inputs or outputs have changed since its last run.
 *
 * @param {readonly Step[]} steps
 * @param {RunnerContext} context
 * @returns {Promise<string[]>} names of the steps that ran
 * @throws {StepError}
 */
export async function runSteps(steps, context) {
  const { root, signal, ui } = context;
  if (steps.every((step) => isCurrent(step, root))) return [];
  const release = await acquireLock(join(root, 'state/setup/lock'), {
    signal,
    onWait: (pid) => ui.say(`another setup (process ${pid}) is at work here; waiting for it`),
  });
  try {
    const ran = [];
    for (const step of steps) {
      signal.throwIfAborted();
      // Checked again: an earlier step, or the setup that held the lock, may have changed it.
      if (isCurrent(step, root)) continue;
      if (step.isDone?.(root) !== true) {
        await runStep(step, context);
        ran.push(step.name);
      }
      writeStamp(step, root);
    }
    return ran;
  } finally {
    release();
  }
}

/**
 * @param {Step} step
 * @param {RunnerContext} context
 */
async function runStep(step, context) {
  const logFile = join(context.root, 'state/logs', `setup-${step.name}.log`);
  mkdirSync(dirname(logFile), { recursive: true });
  const task = context.ui.begin(step.title);
  try {
    await step.run({ ...context, logFile, progress: task.progress });
    const missing = step.outputs.filter((path) => sizesOf(context.root, [path]) === undefined);
    if (missing.length > 0) throw new Error(`it ended without making ${missing.join(', ')}`);
    task.done();
  } catch (cause) {
    task.failed();
    throw new StepError(step, cause);
  }
}

/** @param {string} root @param {Step} step */
const stampPath = (root, step) => join(root, 'state/setup', `${step.name}.json`);

/**
 * @param {Step} step
 * @param {string} root
 */
function isCurrent(step, root) {
  const stamp = readStamp(stampPath(root, step));
  if (stamp === undefined || step.isStale?.(root) === true) return false;
  const sizes = sizesOf(root, step.outputs);
  if (sizes === undefined || JSON.stringify(sizes) !== JSON.stringify(stamp.outputs)) return false;
  return stamp.digest === digestOf(root, step.inputs, step.values);
}

/**
 * @param {string} path
 * @returns {{ digest: string, outputs: Record<string, number> } | undefined}
 */
function readStamp(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined; // never ran, or was cut short: both mean that the step has to run
  }
}

/**
 * @param {Step} step
 * @param {string} root
 */
function writeStamp(step, root) {
  const path = stampPath(root, step);
  const stamp = { digest: digestOf(root, step.inputs, step.values), outputs: sizesOf(root, step.outputs) };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.tmp`, `${JSON.stringify(stamp)}\n`);
  renameSync(`${path}.tmp`, path);
}
