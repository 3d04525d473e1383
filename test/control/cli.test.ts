import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@headgate/testkit/eventually';
import { type Client, httpClient } from '@headgate/testkit/http';
import { samplePhoto } from '@headgate/testkit/photos';
import { expectPrediction, postPhoto } from '@headgate/testkit/predict';
import { ROOT } from '@headgate/testkit/root';
import { type OwnedStack, pidOf, startStack } from '@headgate/testkit/stack';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runHeadgate } from './harness/run-headgate.ts';

const MODEL = 'efficientnet-lite0';
const PHOTO = samplePhoto('chelsea.png');

let stack: OwnedStack;
let client: Client;
beforeAll(async () => {
  stack = await startStack();
  client = httpClient(stack.ready.gateway);
});
afterAll(async () => {
  await client?.close();
  await stack?.stop();
});

const headgate = (...argv: string[]) => runHeadgate(stack, argv);

/** The result of a command that has to succeed. */
async function ask(...argv: string[]) {
  const { code, out, err } = await headgate(...argv, '--json');
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out);
}

const answerFor = async (unit: string) =>
  expectPrediction(await postPhoto(client, PHOTO, { key: stack.ready.keys.bench, unit }));

it('status finds everything in order, and shows both variants', async () => {
  const inOrder = async () => {
    const told = await headgate('status');
    expect([told.code, told.err]).toEqual([0, '']);
    return told;
  };
  // The embedded database is made when it is asked first.
  const { out } = await eventually(inOrder, {
    what: 'a status without anything down',
    withinMs: 60_000,
    everyMs: 500,
  });
  expect(out).toMatch(/fp32 \(control\) +1 +90 %/);
  expect(out).toMatch(/int8 +2 +10 %/);
});

it('predict names the cat, and records show finds the prediction by its id', async () => {
  const photo = join(ROOT, 'samples/chelsea.png');
  const answer = await ask('predict', photo, '--unit', 'alice');
  expect(answer.predictions[0].top[0].label).toBe('tiger cat');
  const told = await eventually(async () => {
    const shown = await headgate('records', 'show', answer.id);
    expect([shown.code, shown.err]).toEqual([0, '']);
    return shown;
  }, 'the prediction in the store');
  expect(told.out).toContain(`variant ${answer.variant} of`);
  expect(told.out).toContain('image 0: tiger cat');
});

it('route explain names the variant that the gateway answers with, for 200 units', async () => {
  await ask('route', 'set', MODEL, 'int8=50', '--yes');
  const differing: string[] = [];
  let treated = 0;
  for (let index = 0; index < 200; index += 1) {
    const unit = `unit-${index}`;
    const [{ variant }, { served }] = await Promise.all([
      answerFor(unit),
      ask('route', 'explain', '--unit', unit),
    ]);
    if (variant !== served.variant) differing.push(unit);
    if (variant === 'int8') treated += 1;
  }
  expect(differing).toEqual([]);
  // Half of 200, give or take four deviations.
  expect(Math.abs(treated - 100)).toBeLessThan(29);
});

it('route set writes weights that are in force on the gateway when it ends', async () => {
  const { gateways, weights } = await ask('route', 'set', MODEL, 'int8=100', '--yes');
  expect([gateways.in_force.length, weights]).toEqual([1, { fp32: 0, int8: 100 }]);
  expect((await answerFor('bob')).variant).toBe('int8');
  const stale = await headgate('route', 'set', MODEL, 'int8=50', 'fp32=60', '--yes');
  expect(stale.code).toBe(2);
});

function policyFile(step: string): string {
  const file = join(stack.dir, 'policy.yaml');
  writeFileSync(file, `steps: [{ weight: 50, ${step} }]\nguardrails: [{ metric: error_rate }]\n`);
  return file;
}

it('rollout start --follow ends with 0 once the version is the control', async () => {
  const policy = policyFile('hold_s: 1, min_samples: 10');
  let isDone = false;
  const load = (async () => {
    for (let index = 0; !isDone; index += 1) await answerFor(`during-${index}`);
  })();
  const told = await headgate('rollout', 'start', MODEL, '2', '--policy', policy, '--follow').finally(() => {
    isDone = true;
  });
  await load;
  expect([told.code, told.err]).toEqual([0, '']);
  expect(told.out).toMatch(/preparing, candidate at 0 %/);
  expect(told.out).toMatch(/running step 1, candidate at 50 %/);
  expect(told.out).toMatch(/PROMOTED, candidate at 100 %/);
  const { models } = await ask('models');
  expect(models[0].versions.find(({ role }: { role: string }) => role === 'control').version).toBe('2');
  expect((await headgate('rollout', 'rollback')).code).toBe(4);
});

it('rollout start --follow ends with 8 when somebody rolls back', async () => {
  const policy = policyFile('hold_s: 3600');
  const following = headgate('rollout', 'start', MODEL, '1', '--policy', policy, '--follow');
  const step = async () => (await ask('rollout', 'status')).state.kind === 'running';
  await eventually(step, { what: 'the first step of the second rollout', withinMs: 60_000 });
  await ask('rollout', 'rollback', '--why', 'we have seen enough');
  const { code, out, err } = await following;
  expect([code, err]).toEqual([8, expect.stringContaining('we have seen enough')]);
  expect(out).toMatch(/ROLLED BACK, candidate at 0 %, by user:/);
  expect((await answerFor('carol')).version).toBe('2');
});

it('experiment report begins with a sentence', async () => {
  const { code, out } = await headgate('experiment', 'report');
  expect(code).toBe(0);
  // A sentence may begin with the name of a variant: v1 gets no units.
  expect(out.split('\n')[0]).toMatch(/^[A-Za-z].* .*\.$/);
  expect((await headgate('experiment', 'report', '--csv')).out).toContain('metric');
});

it('audit find knows who changed the weights', async () => {
  const { entries } = await eventually(async () => {
    const found = await ask('audit', 'find', '--who', userInfo().username, '--changes', '--since', '1h');
    return found.entries.length > 0 && found;
  }, 'the change in the audit log');
  const change = { who: `user:${userInfo().username}`, action: 'routing.write', outcome: 'accepted' };
  expect(entries).toContainEqual(expect.objectContaining(change));
});

it('doctor finds everything in order, and works while control hangs', async () => {
  // A part that is slow for a moment is down at that moment.
  await eventually(async () => {
    expect(await headgate('doctor')).toMatchObject({ code: 0, err: '' });
    return true;
  }, 'a doctor that finds everything in order');
  const control = pidOf(stack, 'control');
  process.kill(control, 'SIGSTOP');
  try {
    const { code, out } = await headgate('doctor');
    expect(code).toBe(7);
    expect(out).toMatch(/OK +routing table/);
    expect(out).toMatch(/DOWN +control: does not answer/);
  } finally {
    process.kill(control, 'SIGCONT');
  }
});
