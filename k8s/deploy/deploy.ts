import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { step } from '../../scripts/setup/ui.mjs';
import { canaryStage, refuseOthers, watchCanary } from './canary.ts';
import { differences, isUnchanged } from './changes.ts';
import { check, findPlace, type Plan } from './check.ts';
import { DeployError } from './errors.ts';
import { clientKeyFile } from './local-secrets.ts';
import { ensureNamespace, localDir, type Made, makeRouting, makeSecret, readTable } from './prepare.ts';
import { findRelease, recover, refusePending, rollback, sentObjects, uninstall } from './release.ts';
import { CHART, render } from './rendered.ts';
import { keepReplicas } from './replicas.ts';
import { rollOut } from './roll-out.ts';
import type { Run } from './run.ts';
import { confirm } from './target.ts';
import { notVerified, verify } from './verify.ts';

/**
 * Checks, makes what is missing, installs or upgrades, and looks from outside. A failure goes back to what was before.
 *
 * @throws DeployError
 */
export async function deploy(run: Run): Promise<void> {
  const { options, programs, ui } = run;
  const place = await findPlace(run);
  const isDry = options.diff || options['dry-run'];
  if (isDry) refusePending(place.state);
  else await confirm(options, place.target, place.existing);
  const state = isDry ? place.state : await recover(programs, place.state, options.recover);
  if (place.state !== undefined && state === undefined)
    ui.say('    the first installation was unfinished and served nothing: it was removed, and is made again');
  const plan = await check(run, { ...place, state });
  if (isDry) return show(run, plan);
  const made: Made[] = [];
  try {
    await step(ui, 'namespace, Secrets, routing table', () => prepare(run, plan, made));
    if (await isUnchanged(programs, plan.rendered, state))
      ui.say('✓ the release is as it should be: nothing to change');
    else {
      const report = options.canary === undefined ? undefined : await tryCanary(run, plan);
      if ((await findRelease(programs)) !== undefined) await keepReplicas(programs, plan.rendered.objects);
      await rollOut(run, plan);
      if (report !== undefined) ui.say(report);
    }
    await step(ui, 'verification', () => verifyDeployment(run, plan));
  } catch (error) {
    const isToBlame = !(error instanceof DeployError && error.exitCode === 4);
    if (isToBlame && !run.signal.aborted)
      await undo(run, plan, made).catch((problem) => ui.say(`not undone: ${problem.message}`));
    throw error;
  }
}

/** Lets a canary have its share for a while. @returns what it did @throws DeployError when it is worse */
async function tryCanary(run: Run, plan: Plan): Promise<string> {
  const { options, programs, ui } = run;
  const args = [join(run.root, CHART), ...(await canaryStage(programs, plan.rendered.objects))];
  const chart = { args, input: '' };
  const stage = await render(programs, chart);
  refuseOthers(await sentObjects(programs), stage.objects);
  await rollOut(run, { ...plan, chart });
  const task = ui.begin('canary');
  try {
    const { canary, others } = await watchCanary(run, Number(options['canary-seconds']), task.progress);
    task.done();
    const percent = (100 * canary.requests) / (canary.requests + others.requests);
    return `    the canary had ${percent.toFixed(1)} % of the requests (${canary.requests}), ${canary.failures} failed`;
  } catch (error) {
    task.failed();
    if (run.signal.aborted)
      ui.say('    the canary keeps its 10 % until the next deployment, or helm rollback');
    throw error;
  }
}

async function prepare({ root, options, programs }: Run, plan: Plan, made: Made[]): Promise<void> {
  const { existing, secrets, routing, host } = plan;
  made.push(...(await ensureNamespace(programs, options, existing)));
  const dir = localDir(root, programs.namespace);
  for (const missing of secrets) made.push(await makeSecret(programs, missing, { host, dir }));
  if (routing !== undefined) made.push(await makeRouting(programs, routing));
}

/** @throws DeployError with exit code 4 when it is not Headgate that is wrong */
async function verifyDeployment(run: Run, plan: Plan): Promise<void> {
  try {
    await verifyFromOutside(run, plan);
  } catch (error) {
    if (error instanceof DeployError || run.signal.aborted) throw error;
    throw notVerified(error instanceof Error ? error.message : String(error));
  }
}

async function verifyFromOutside({ root, options, programs, signal, ui }: Run, plan: Plan): Promise<void> {
  const { host, photo } = plan;
  const file = options['key-file'] || clientKeyFile(localDir(root, programs.namespace));
  const key = existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
  const tls = await programs.find<{ data: Record<string, string> }>('secret', plan.tlsSecret);
  const pem = ['tls.crt', 'ca.crt'].map((name) => Buffer.from(tls?.data[name] ?? '', 'base64').toString());
  await verify(programs, {
    host,
    trusted: pem.join('\n'),
    key,
    photo,
    routing: () => readTable(programs),
    signal,
    say: (line) => ui.say(`    ${line}`),
  });
}

/**
 * Goes back to the revision before; a first deployment is removed with everything that it made. One that follows an
 * unfinished first installation has nothing to go back to, and stays: its pods may serve.
 */
export async function undo(
  { programs, ui }: Pick<Run, 'programs' | 'ui'>,
  { state }: Pick<Plan, 'state'>,
  made: readonly Made[],
): Promise<void> {
  const good = state?.good;
  const now = await findRelease(programs);
  if (now !== undefined && good !== undefined && now.revision !== state?.revision) {
    await step(ui, `going back to revision ${good}`, () => rollback(programs, good));
  } else if (state !== undefined) {
    if (good === undefined) ui.say('no revision was ever complete, so nothing was undone');
  } else {
    await step(ui, 'removing what was made', async () => {
      await uninstall(programs);
      for (const { kind, name } of made.toReversed())
        await programs.kubectl(['delete', kind, name, '--ignore-not-found'], { withinMs: 180_000 });
    });
  }
}

async function show({ programs, options, ui }: Run, plan: Plan): Promise<void> {
  const { rendered, existing, secrets, routing } = plan;
  if (!existing) ui.say(`+ namespace ${programs.namespace}`);
  for (const { name } of secrets) ui.say(`+ Secret ${name}`);
  if (routing !== undefined) ui.say('+ ConfigMap headgate-routing');
  if (!existing) {
    for (const { kind, metadata } of rendered.objects) ui.say(`+ ${kind} ${metadata.name}`);
  } else {
    const text = await differences(programs, rendered);
    if (options.diff) ui.say(text);
    else for (const [, name] of text.matchAll(/^\+\+\+ \S*\/(\S+)/gm)) ui.say(`~ ${name}`);
    if (text === '') ui.say('no object differs');
  }
  ui.say('nothing was changed');
}
