import { ROOT } from '@headgate/testkit/root';
import { findPython } from '../../../scripts/setup/python.ts';
import { createUi } from '../../../scripts/setup/ui.mjs';
import type { OwnRun } from '../own-run.ts';
import { behindEnvoy } from './behind-envoy.ts';
import type { Contender } from './contender.ts';
import { headgate } from './headgate.ts';
import { preparePeer } from './peer.ts';
import { PEERS } from './servers.ts';

/** Servers that can be measured, and those that cannot be had here. */
export interface Prepared {
  readonly contenders: readonly Contender[];
  readonly unprepared: readonly { readonly id: string; readonly reason: string }[];
}

/** Id and door of FastAPI as a public service: the peer that the whole path is compared with like for like. */
export const GUARDED = { id: 'fastapi-guarded', name: 'FastAPI behind Envoy, key, limiter' };

/** Makes the Python environments that are missing; a peer whose packages do not install is left out and named. */
export async function prepareContenders(only: readonly string[], run: OwnRun): Promise<Prepared> {
  const contenders = only.includes('headgate') ? [headgate(run.dir)] : [];
  const unprepared: { id: string; reason: string }[] = [];
  const prepare = async (id: string, make: () => Promise<Contender>) => {
    if (!only.includes(id)) return;
    try {
      contenders.push(await make());
    } catch (error) {
      run.signal.throwIfAborted();
      unprepared.push({ id, reason: error instanceof Error ? error.message : String(error) });
    }
  };
  for (const { id } of PEERS) await prepare(id, () => preparedPeer(id, run));
  await prepare(GUARDED.id, async () => behindEnvoy(await preparedPeer('fastapi', run), GUARDED.name, run));
  return { contenders, unprepared };
}

/** A peer with its packages in place. @throws Error when it is unknown, or they cannot be installed */
export async function preparedPeer(id: string, run: OwnRun): Promise<Contender> {
  const spec = PEERS.find((one) => one.id === id);
  if (!spec) throw new TypeError(`no peer ${id}`);
  return await preparePeer(spec, { ...run, python: await pythonFor(run) });
}

function pythonFor({ signal, guard, dir }: OwnRun): Promise<string> {
  const quiet = { ui: createUi(process.stderr), progress: () => {}, logFile: `${dir}/python.log` };
  return findPython({ root: ROOT, signal, guard, ...quiet }, process.env.HEADGATE_PYTHON);
}
