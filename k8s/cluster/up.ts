import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Guard } from '../../scripts/setup/guard.mjs';
import { step, type Ui } from '../../scripts/setup/ui.mjs';
import { applyBasics, importAddonImages, startAddons } from './addons.ts';
import { startApiServer, startControllers, startEtcd, writeApiServerFiles } from './control-plane.ts';
import { writeImage } from './image.ts';
import { kubectl } from './kubectl.ts';
import { NODES, paths, STATE_DIR } from './layout.ts';
import { checkMachine, installPackages } from './machine.ts';
import { createNetwork } from './network.ts';
import { containers, startKubelet, startNode, startRouter } from './node.ts';
import { PAUSE_IMAGE } from './node-config.ts';
import { writePki } from './pki.ts';
import { type Programs, preparePrograms } from './programs.ts';
import { clean, recordStart, recordUp } from './record.ts';
import { startRegistry } from './registry.ts';

export interface UpOptions {
  readonly ui: Ui;
  readonly guard: Guard;
  readonly signal: AbortSignal;
}

/** Starts the cluster, after removing what a start that failed has left. Ends everything when a step fails. */
export async function up({ ui, guard, signal }: UpOptions): Promise<void> {
  const act: Act = (title, run) => {
    signal.throwIfAborted();
    return step(ui, title, run);
  };
  await act('check the machine', async (progress) => {
    await installPackages({ guard, signal, progress });
    await checkMachine();
  });
  const programs = await act('programs', (progress) => preparePrograms({ guard, signal, progress }));
  await act('remove leftovers', clean);
  try {
    recordStart();
    await startAll(programs, act);
    recordUp();
  } catch (error) {
    await clean();
    throw error;
  }
}

type Act = <T>(title: string, run: (progress: (line: string) => void) => Promise<T>) => Promise<T>;

async function startAll(programs: Programs, act: Act): Promise<void> {
  rmSync(paths.logs, { recursive: true, force: true });
  mkdirSync(paths.programs, { recursive: true });
  for (const name of ['kubectl', 'helm', 'kubeseal'] as const)
    symlinkSync(programs[name], join(paths.programs, name));
  await act('certificates and network', async () => {
    await writePki();
    writeApiServerFiles();
    await createNetwork();
  });
  await act('control plane and registry', async () => {
    await startEtcd(programs);
    await startApiServer(programs);
    await startControllers(programs);
    await startRegistry(programs);
    await applyBasics(programs);
  });
  await act('nodes', async (progress) => {
    const pause = join(STATE_DIR, 'pause.tar');
    await writeImage(PAUSE_IMAGE, programs.pause, pause);
    for (const node of NODES) {
      progress(node.name);
      await startNode(node, programs);
      await containers(node.name, programs, 'images', 'import', pause);
      await startKubelet(node, programs);
    }
    await importAddonImages(programs);
    const names = NODES.map(({ name }) => `node/${name}`);
    await kubectl(programs, ['wait', '--for=create', ...names, '--timeout=60s']);
    for (const node of NODES) await startRouter(node, programs);
    await kubectl(programs, ['wait', '--for=condition=Ready', ...names, '--timeout=60s']);
  });
  await act('add-ons: DNS, metrics, sealed secrets', () => startAddons(programs));
}
