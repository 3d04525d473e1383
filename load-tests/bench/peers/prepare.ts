import { ROOT } from '@headgate/testkit/root';
import { findPython } from '../../../scripts/setup/python.ts';
import { createUi } from '../../../scripts/setup/ui.mjs';
import type { OwnRun } from '../own-run.ts';
import type { Contender } from './contender.ts';
import { headgate } from './headgate.ts';
import { preparePeer } from './peer.ts';
import { PEERS } from './servers.ts';

/** Servers that can be measured, and those that cannot be had here. */
export interface Prepared {
  readonly contenders: readonly Contender[];
  readonly unprepared: readonly { readonly id: string; readonly reason: string }[];
}

/** Makes the Python environments that are missing; a peer whose packages do not install is left out and named. */
export async function prepareContenders(only: readonly string[], run: OwnRun): Promise<Prepared> {
  const contenders = only.includes('headgate') ? [headgate(run.dir)] : [];
  const unprepared: { id: string; reason: string }[] = [];
  const wanted = PEERS.filter(({ id }) => only.includes(id));
  const python = wanted.length > 0 ? await pythonFor(run) : '';
  for (const spec of wanted) {
    try {
      contenders.push(await preparePeer(spec, { ...run, python }));
    } catch (error) {
      run.signal.throwIfAborted();
      unprepared.push({ id: spec.id, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { contenders, unprepared };
}

function pythonFor({ signal, guard, dir }: OwnRun): Promise<string> {
  const quiet = { ui: createUi(process.stderr), progress: () => {}, logFile: `${dir}/python.log` };
  return findPython({ root: ROOT, signal, guard, ...quiet }, process.env.HEADGATE_PYTHON);
}
