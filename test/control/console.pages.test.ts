import type { RequestView } from '@headgate/contracts/admin/api';
import { axeFindings } from '@headgate/testkit/axe';
import { browserObstacle } from '@headgate/testkit/browser';
import { eventually } from '@headgate/testkit/eventually';
import { figure } from '@headgate/testkit/figures';
import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ConsoleStack, MODEL, startConsole, unitsOf } from './harness/console-stack.ts';
import { logIn, NARROW, type Visitor, visit, WIDE } from './harness/visitor.ts';

const obstacle = browserObstacle();

const PAGES = [
  'live',
  'experiment',
  'models',
  'rollout',
  'weights',
  'shadow',
  'requests',
  'audit',
  'dependencies',
];
/** Pages of a model, and of a request, need its name. */
const ADDRESSES: Readonly<Record<string, string>> = {
  experiment: `experiment/${MODEL}?experiment=first`,
  weights: `weights/${MODEL}`,
  shadow: `shadow/${MODEL}`,
};

const LOOKS = [
  { name: 'light', scheme: 'light', size: WIDE },
  { name: 'dark', scheme: 'dark', size: WIDE },
  { name: '360px', scheme: 'light', size: NARROW },
] as const;

/** A label, a reason, and a part of addresses. */
const HOSTILE = '"><img src=x onerror="window.owned=1"><script>window.owned=1</script>';
/** A label in feedback: it turns the direction of text, and has no place to break. */
const LONG = `\u202egnp.exe${'x'.repeat(110)}`;
const LONG_SHOWN = LONG.replace('\u202e', '\\u202e');

const SIDEWAYS = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
/** How far a message reaches over the end of the page, in pixels. */
const OVERLAP =
  'document.querySelector("main").getBoundingClientRect().bottom - document.querySelector(".toasts").getBoundingClientRect().top';

describe.skipIf(obstacle !== undefined)('The pages of the console', () => {
  let stack: ConsoleStack;
  let operator: Visitor;
  let requestId = '';

  beforeAll(async () => {
    stack = await startConsole({ sevenInVersion2: HOSTILE });
    const seen = await stack.send(unitsOf('someone', 200));
    requestId = seen.find(({ body }) => body?.variant === 'v2')?.body?.id ?? '';
    operator = await visit(stack.browser, stack.ready);
  });
  afterAll(() => stack?.stop());
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await operator.shoot(`failed-${task.id}`);
    expect(operator.problems()).toEqual([]);
  });

  it('refuse a wrong key, and say so', async () => {
    const { page } = operator;
    expect(await axeFindings(page)).toEqual([]);
    await operator.shoot('login');
    await page.getByLabel('Admin key').fill('hg_not_a_key');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.locator('.problem').waitFor();
    await logIn(operator, stack.ready.keys.admin);
    operator.problems([401, 403]);
  });

  it('change weights by the keyboard alone', async () => {
    const { page } = operator;
    await page.keyboard.press('g');
    await page.keyboard.press('w');
    await tabTo(page, page.getByLabel('Model'));
    await page.keyboard.type(MODEL);
    await tabTo(page, page.getByLabel('Share of v2 in percent'));
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('12.5');
    await tabTo(page, page.getByRole('button', { name: 'Save' }));
    await page.keyboard.press('Enter');
    await page.getByText(/^Saved/).waitFor();
  });

  it('keep a share that is none, and say what is allowed', async () => {
    const { page } = operator;
    await operator.show(`weights/${MODEL}`);
    const share = page.getByLabel('Share of v2 in percent');
    for (const wrong of ['abc', '140', '12.345', '-5']) {
      await share.fill(wrong);
      await page.keyboard.press('Tab');
      await page.getByText('write a number from 0 to 100 with at most two decimals').waitFor();
      expect(await share.inputValue()).toBe(wrong);
      expect(await page.getByRole('button', { name: 'Save' }).isEnabled()).toBe(false);
    }
    await operator.shoot('wrong-share');
    await share.fill('12.5');
    await page.keyboard.press('Tab');
    await page.getByText('Nothing changed.').waitFor();
    expect(await share.inputValue()).toBe('12.5');
  });

  it('leave everything within reach below a message', async () => {
    const { page } = operator;
    for (const size of [WIDE, NARROW]) {
      await page.setViewportSize(size);
      await operator.show(`weights/${MODEL}`);
      const share = size === WIDE ? 16 : 17;
      await page.getByLabel('Share of v2 in percent').fill(String(share));
      await page.getByRole('button', { name: 'Save' }).click();
      // The message of the test before may still be there.
      const message = page.getByText(new RegExp(`^Saved: .* and ${share}\\s%`));
      await message.waitFor();
      await operator.shoot(`message-${size.width}px`);
      const buttons = await page.getByRole('main').getByRole('button').all();
      for (const button of buttons) if (await button.isEnabled()) await button.click({ trial: true });
      await page.evaluate('scrollTo(0, document.body.scrollHeight)');
      expect(await page.evaluate(OVERLAP)).toBeLessThanOrEqual(0);
      await page.keyboard.press('Escape');
      await message.waitFor({ state: 'detached' });
    }
  });

  it('tell the second of two browsers that the first one changed the weights', async () => {
    const other = await visit(stack.browser, stack.ready);
    await logIn(other, stack.ready.keys.admin);
    for (const { show } of [operator, other]) await show(`weights/${MODEL}`);
    await operator.page.getByLabel('Share of v2 in percent').fill('15');
    await other.page.getByLabel('Share of v2 in percent').fill('25');
    await other.page.getByRole('button', { name: 'Save' }).click();
    await other.page.getByText(/^Saved/).waitFor();
    await operator.page.getByText('changed these weights after you began').waitFor();
    expect(await operator.page.getByRole('button', { name: 'Save', exact: true }).count()).toBe(0);
    // From 25 to 15 %, by the table that is in force now.
    await operator.page.getByText('10 % of all units move from v2 to v1').waitFor();
    await operator.page.getByRole('button', { name: 'Save mine over it' }).click();
    await operator.page.getByText(/^Saved/).waitFor();
    await other.page.getByText('is split into 85 % v1').waitFor();
    await other.page.getByLabel('Share of v2 in percent').fill('30');
    await operator.page.getByLabel('Share of v2 in percent').fill('20');
    await operator.page.getByRole('button', { name: 'Save', exact: true }).click();
    await other.page.getByRole('button', { name: 'Discard mine and load revision' }).click();
    expect(await other.page.getByLabel('Share of v2 in percent').inputValue()).toBe('20');
    expect(other.problems([401])).toEqual([]);
    await other.close();
  });

  it('ask for the key again when the session has ended, and keep what was typed', async () => {
    const { page } = operator;
    await operator.show(`weights/${MODEL}`);
    await page.getByLabel('Share of v2 in percent').fill('33');
    await operator.call('DELETE', '/session');
    await page.getByText('Your session has expired').waitFor();
    await logIn(operator, stack.ready.keys.admin);
    expect(await page.getByLabel('Share of v2 in percent').inputValue()).toBe('33');
    expect(page.url()).toContain(`#/weights/${MODEL}`);
    operator.problems([401]);
  });

  it('compare a version in the shadow', async () => {
    const { page } = operator;
    await operator.show(`shadow/${MODEL}`);
    await page.getByLabel('Version', { exact: true }).fill('2');
    await page.getByLabel('Requests to copy').fill('100');
    await page.getByRole('button', { name: 'Compare', exact: true }).click();
    await page.getByText('Version 2 gets copies now.').waitFor();
    await stack.send(unitsOf('shadowed', 60));
    await operator
      .card(/Version 2 compared/)
      .getByText(HOSTILE)
      .first()
      .waitFor();
  });

  it('show hostile labels, reasons and addresses as text', async () => {
    const { page } = operator;
    const rollout = await pausedRollout();
    const there = encodeURIComponent(HOSTILE);
    await operator.show(`requests/${requestId}`);
    await page.getByText(HOSTILE).first().waitFor();
    await operator.show(`rollout/${rollout}`);
    await page.getByText(HOSTILE).first().waitFor();
    await operator.show(`weights/${MODEL}`);
    await page.getByText('is paused: what you save here stays').waitFor();
    expect(await page.getByLabel('Share of v2 in percent').isEnabled()).toBe(true);
    await operator.shoot('weights-paused');
    await operator.show('audit?action=rollout.pause');
    await page.getByText(HOSTILE).waitFor();
    for (const name of PAGES) {
      await operator.show(`${name}/${there}?experiment=${there}&level=${there}`);
      expect([name, await page.evaluate('window.owned')]).toEqual([name, undefined]);
    }
    expect(operator.problems([400, 404])).toEqual([]);
  });

  it('show a long label of feedback, and the name of a file, as text that fits', async () => {
    const { page } = operator;
    const id = await stack.sendWithFeedback(HOSTILE.replaceAll('"', "'"), LONG);
    await page.setViewportSize(NARROW);
    // The page asks once.
    const inStore = async () =>
      (await operator.call<RequestView>('GET', `/requests/${id}`)).items[0]?.feedback?.label;
    await eventually(inStore, 'the feedback in the store');
    await operator.show(`requests/${id}`);
    await page.getByText(LONG_SHOWN).waitFor();
    expect(await page.evaluate(SIDEWAYS)).toBe(0);
    await page.setViewportSize(WIDE);
    expect(await page.evaluate(SIDEWAYS)).toBe(0);
    expect(await page.evaluate('window.owned')).toBeUndefined();
  });

  it.each(LOOKS)(
    'have no serious finding of axe and no sideways scrolling: $name',
    async (look) => {
      const { page } = operator;
      const found: string[] = [];
      await page.emulateMedia({ colorScheme: look.scheme });
      await page.setViewportSize(look.size);
      for (const name of PAGES) {
        await operator.show(name === 'requests' ? `requests/${requestId}` : (ADDRESSES[name] ?? name));
        await operator.shoot(`${name}-${look.name}`);
        found.push(...(await axeFindings(page)).map((finding) => `${name}: ${finding}`));
        expect([name, await page.evaluate(SIDEWAYS)]).toEqual([name, 0]);
      }
      figure({
        name: `Console, ${look.name}: serious and critical findings of axe on ${PAGES.length} pages`,
        wanted: '0',
        got: String(found.length),
        passed: found.length === 0,
      });
      expect(found).toEqual([]);
    },
    300_000,
  );

  /** A rollout that somebody paused for a hostile reason. @returns its id */
  async function pausedRollout(): Promise<string> {
    const { id } = await operator.call<{ id: string }>('POST', '/rollouts', { model: MODEL, version: '2' });
    await operator.call('POST', `/rollouts/${id}/pause`, { why: HOSTILE });
    return id;
  }
});

/** Presses Tab until `target` has the focus. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let presses = 0; presses < 60; presses += 1) {
    if (await target.evaluate((element) => element === element.ownerDocument.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not reach ${target}`);
}
