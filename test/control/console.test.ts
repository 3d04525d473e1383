import { browserObstacle } from '@headgate/testkit/browser';
import { eventually } from '@headgate/testkit/eventually';
import { figure } from '@headgate/testkit/figures';
import { openLoad } from '@headgate/testkit/load';
import { binomialInterval } from '@headgate/testkit/stats';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type ConsoleStack,
  countOf,
  MODEL,
  type Seen,
  startConsole,
  unitsOf,
} from './harness/console-stack.ts';
import { logIn, type Visitor, visit } from './harness/visitor.ts';

const obstacle = browserObstacle();
if (obstacle !== undefined) console.log(`The console is not tested: ${obstacle}`);

/** For what waits for records or for the steps of a rollout. */
const LONG = { timeout: 60_000 };

/** Each test begins where the one before ended, as the day of an operator does. */
describe.skipIf(obstacle !== undefined)('An operator at the console', () => {
  let stack: ConsoleStack;
  let operator: Visitor;
  /** Every answer that the gateway gave. */
  const answers: Seen[] = [];
  const send = async (name: string, count: number) => {
    const seen = await stack.send(unitsOf(name, count));
    answers.push(...seen);
    return seen;
  };

  beforeAll(async () => {
    stack = await startConsole();
    operator = await visit(stack.browser, stack.ready);
    await logIn(operator, stack.ready.keys.admin);
    // The first question is whether there is a session.
    operator.problems([401]);
  });
  afterAll(() => stack?.stop());
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await operator.shoot(`failed-${task.id}`);
    expect(operator.problems()).toEqual([]);
  });

  it('sees exactly the requests that were sent, live and in the experiment', async () => {
    const seen = await send('first', 200);
    expect(new Set(seen.map(({ status }) => status))).toEqual(new Set([200]));
    const counts = ['v1', 'v2'].map((variant) => [variant, String(countOf(seen, variant))] as const);
    await operator.show('live');
    for (const [variant, count] of counts) {
      await operator.row(MODEL, variant).getByText(count, { exact: true }).waitFor();
    }
    await operator.show(`experiment/${MODEL}`);
    for (const [variant, count] of counts) {
      // As many units as requests: each unit asked once.
      const cells = operator.row('Split of the units', variant).getByText(count, { exact: true });
      await cells.nth(1).waitFor(LONG);
      expect(await cells.count()).toBe(2);
    }
    figure({
      name: 'Console: requests by variant, page against the answers that the test got',
      wanted: 'equal',
      got: counts.map(([variant, count]) => `${variant} ${count}`).join(', '),
      passed: true,
    });
    const lack = `Not enough data yet: ${countOf(seen, 'v2')} of 100 units of v2`;
    await operator.page.getByText(lack).first().waitFor();
  });

  it('changes weights, and units follow', async () => {
    const { page } = operator;
    await operator.show(`weights/${MODEL}`);
    await page.getByLabel('Share of v2 in percent').fill('40');
    await page.getByText(/30\s%.*move/).waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText(/^Saved/).waitFor();
    await eventually(async () => countOf(await send('before', 40), 'v2') > 8, 'the new weights in force');
    const seen = await send('second', 200);
    const [low, high] = binomialInterval(200, 0.4, 0.999);
    expect(countOf(seen, 'v2')).toBeGreaterThanOrEqual(low);
    expect(countOf(seen, 'v2')).toBeLessThanOrEqual(high);
  });

  it('finds one request by its id', async () => {
    const { page } = operator;
    const { body } = answers.find((answer) => answer.body?.variant === 'v2') as Seen;
    const [prediction] = body?.predictions ?? [];
    await page.keyboard.press('/');
    await page.getByLabel('Id').fill(body?.id ?? '');
    await page.keyboard.press('Enter');
    const image = operator.row('1 image', '0');
    await image.getByText('version 2 (v2)').waitFor();
    await image.getByText(new RegExp(`^${prediction?.top?.[0]?.label},`)).waitFor();
    await operator
      .card('Request')
      .getByText(body?.id ?? '')
      .waitFor();
  });

  it('starts a rollout of a bad version, and watches it being rolled back', async () => {
    await startRollout('3');
    const load = openLoad(40, (index) => send(`bad-${index}`, 1));
    const card = operator.card(/version 3 for version 1/);
    await card.getByText(/Rolled back$/).waitFor(LONG);
    await card.getByRole('listitem').first().getByText('Rolled back here').waitFor();
    const failed = (await load.stop()).flatMap(({ result }) => result).filter(({ status }) => status >= 500);
    const evidence = operator.row('Guardrails', 'Error rate');
    await evidence.getByText('Failed').waitFor();
    await evidence.getByText(/^100\s%$/).waitFor();
    const samples = Number.parseInt(await evidence.getByRole('cell').nth(4).innerText(), 10);
    expect(samples).toBeGreaterThanOrEqual(3);
    expect(samples).toBeLessThanOrEqual(failed.length);
    // The page may say so before the gateway has read the table.
    const back = async () => (await stack.send([failed[0]?.unit ?? '']))[0]?.status === 200;
    await eventually(back, 'the rollback in force');
    const after = await send('after-the-rollback', 100);
    expect(after.filter(({ status, body }) => status !== 200 || body?.version !== '1')).toEqual([]);
  });

  it('starts a rollout of a good version, and promotes the winner', async () => {
    const { page } = operator;
    await startRollout('2');
    const load = openLoad(40, (index) => send(`good-${index}`, 1));
    const card = operator.card(/version 2 for version 1/);
    await card.getByText('Waits for approval').waitFor(LONG);
    await card.getByRole('button', { name: 'Promote' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Promote' }).click();
    await card.getByText('Promoted').waitFor();
    const samples = (await load.stop()).flatMap(({ result }) => result);
    expect(samples.filter(({ status }) => status !== 200)).toEqual([]);
    const after = await send('after-the-promotion', 100);
    expect(new Set(after.map(({ body }) => body?.version))).toEqual(new Set(['2']));
    // What the promotion rested on is there, and so is the experiment of before.
    await operator.show(`experiment/${MODEL}`);
    await page.getByText(/^its end, /).waitFor();
    const before = await page.locator('option', { hasText: '(first)' }).getAttribute('value');
    await page.getByLabel('Experiment').and(page.getByRole('combobox')).selectOption(before);
    await operator.card(`Experiment first of ${MODEL}`).waitFor();
    await operator.show('audit');
    await page.getByLabel('Action').fill('rollout.promote');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByRole('cell', { name: 'rollout.promote' }).first().waitFor();
  });

  async function startRollout(version: string): Promise<void> {
    const { page } = operator;
    await operator.show('rollout');
    await page.getByLabel('Model').selectOption(MODEL);
    await page.getByLabel('New version').fill(version);
    await page.getByLabel('Policy').selectOption('quick');
    await operator.card('Start a rollout').getByText('at most 5\u202f% errors').waitFor();
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByText(`Started the rollout of version ${version}`).waitFor();
  }
});
