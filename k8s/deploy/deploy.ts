import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { step } from '../../scripts/setup/ui.mjs';
import { canaryStage, refuseOthers, watchCanary } from './canary.ts';
import { differences, isUnchanged } from './changes.ts';
import { check, findPlace, type Plan } from './check.ts';
import { BUSY, DeployError } from './errors.ts';
import { variableIn } from './inspect.ts';
import { clientKeyFile } from './local-secrets.ts';
import { ensureNamespace, localDir, type Made, makeRouting, makeSecret, readTable } from './prepare.ts';
import {
  findRelease,
  recover,
  refuseMeanwhile,
  refusePending,
  rollback,
  sentObjects,
  uninstall,
} from './release.ts';
import { CHART, render } from './rendered.ts';
import { keepReplicas } from './replicas.ts';
import { rollOut } from './roll-out.ts';
import type { Run } from './run.ts';
import { confirm } from './target.ts';
import { notVerified, verify } from './verify.ts';

/** What this run has changed. */
export interface Changes {
  readonly made: Made[];
  /** Number of the last revision as far as this run knows, 0 without a release: a higher one is of another deployment. */
  revision: number;
}

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
  // The answer may have taken long.
  const state = isDry ? place.state : await recover(programs, await findRelease(programs), options.recover);
  if (place.state !== undefined && state === undefined)
    ui.say('    the first installation was unfinished and served nothing: it was removed, and is made again');
  const plan = await check(run, { ...place, state });
  if (isDry) return show(run, plan);
  const changes: Changes = { made: [], revision: state?.revision ?? 0 };
  await refuseMeanwhile(programs, changes.revision);
  try {
    await step(ui, 'namespace, Secrets, routing table', () => prepare(run, plan, changes.made));
    if (await isUnchanged(programs, plan.rendered, state))
      ui.say('✓ the release is as it should be: nothing to change');
    else {
      const report = options.canary === undefined ? undefined : await tryCanary(run, plan, changes);
      if (changes.revision > 0) await keepReplicas(programs, plan.rendered.objects, state?.good);
      await revise(run, plan, changes);
      if (report !== undefined) ui.say(report);
    }
    await step(ui, 'verification', () => verifyDeployment(run, plan));
  } catch (error) {
    const isToBlame = !(error instanceof DeployError && [BUSY, 4].includes(error.exitCode));
    if (isToBlame && !run.signal.aborted)
      await undo(run, plan, changes).catch((problem) => ui.say(`not undone: ${problem.message}`));
    throw error;
  }
}

/** Lets Helm make the next revision. @throws DeployError when another deployment made one meanwhile, or runs */
async function revise(run: Run, plan: Plan, changes: Changes): Promise<void> {
  await refuseMeanwhile(run.programs, changes.revision);
  changes.revision += 1;
  await rollOut(run, plan);
}

/** Lets a canary have its share for a while. @returns what it did @throws DeployError when it is worse */
async function tryCanary(run: Run, plan: Plan, changes: Changes): Promise<string> {
  const { options, programs, ui } = run;
  const args = [join(run.root, CHART), ...(await canaryStage(programs, plan.rendered.objects))];
  const chart = { args, input: '' };
  const stage = await render(programs, chart);
  // Helm takes the values of the deployed revision, not those of one that failed since.
  refuseOthers(await sentObjects(programs, plan.state?.good), stage.objects);
  await revise(run, { ...plan, chart }, changes);
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
  const { host, photo, rendered } = plan;
  const { objects } = rendered;
  const file = options['key-file'] || clientKeyFile(localDir(root, programs.namespace));
  const key = existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
  const tls = await programs.find<{ data: Record<string, string> }>('secret', plan.tlsSecret);
  const pem = ['tls.crt', 'ca.crt'].map((name) => Buffer.from(tls?.data[name] ?? '', 'base64').toString());
  await verify(programs, {
    host,
    trusted: pem.join('\n'),
    key,
    photo,
    proxyProtocol: variableIn(objects, 'HEADGATE_ENVOY__PROXY_PROTOCOL') === 'required',
    balancersOnly: (variableIn(objects, 'HEADGATE_ENVOY__BALANCERS') ?? '[]') !== '[]',
    routing: () => readTable(programs),
    signal,
    say: (line) => ui.say(`    ${line}`),
  });
}

/**
 * Goes back to the revision before; a first deployment is removed with everything that it made. One that follows an
 * unfinished first installation has nothing to go back to, and stays: its pods may serve. So does what another deployment
 * did since.
 */
export async function undo(
  { programs, ui }: Pick<Run, 'programs' | 'ui'>,
  { state }: Pick<Plan, 'state'>,
  { made, revision }: Changes,
): Promise<void> {
  const now = (await findRelease(programs))?.revision ?? 0;
  if (now > revision) {
    ui.say(`revision ${now} is of another deployment, so nothing was undone`);
  } else if (state !== undefined) {
    const { good } = state;
    if (good === undefined) ui.say('no revision was ever complete, so nothing was undone');
    else if (now > state.revision)
      await step(ui, `going back to revision ${good}`, () => rollback(programs, good));
  } else {
    await step(ui, 'removing what was made', async () => {
      if (now > 0) await uninstall(programs);
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
