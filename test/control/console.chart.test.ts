import type { ExperimentReport, Look } from '@headgate/contracts/admin/api';
import { browserObstacle } from '@headgate/testkit/browser';
import { eventually } from '@headgate/testkit/eventually';
import { figure } from '@headgate/testkit/figures';
import { openLoad } from '@headgate/testkit/load';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConsoleStack, MODEL, type Seen, startConsole, unitsOf } from './harness/console-stack.ts';
import { logIn, NARROW, type Visitor, visit, WIDE } from './harness/visitor.ts';

/** Control takes a look each minute. */
const THREE_LOOKS_MS = 5 * 60_000;
/** On a busy machine a report takes seconds, and is kept for ten times as long. */
const REPORT = { what: 'the feedback in the report', withinMs: 120_000 };
/** Of 20 answers of a version, how many are wrong by their feedback. */
const WRONG = { v1: 2, v2: 7 } as const;
type Variant = keyof typeof WRONG;

describe.skipIf(browserObstacle() !== undefined)('The chart of predictions and feedback', () => {
  let stack: ConsoleStack;
  let operator: Visitor;
  const judged: Record<Variant, boolean[]> = { v1: [], v2: [] };

  beforeAll(async () => {
    stack = await startConsole({ weight: 50 });
    operator = await visit(stack.browser, stack.ready);
    await logIn(operator, stack.ready.keys.admin);
  });
  afterAll(() => stack?.stop());

  it('narrows with each look, has its numbers in a table, and ends at what was sent', {
    timeout: THREE_LOOKS_MS + 180_000,
  }, async () => {
    await send('early', 300);
    const load = openLoad(250, (index) => send(`later-${index}`, 1));
    const enough = async () => (await intervals()).length >= 3;
    await eventually(enough, { what: 'three looks', withinMs: THREE_LOOKS_MS, everyMs: 2000 });
    await load.stop();
    await operator.show(`experiment/${MODEL}`);
    await operator.card('The difference over time').getByRole('combobox').selectOption('accuracy');
    await operator.page.getByRole('button', { name: 'Show the numbers' }).click();
    const rows = await eventually(rowsThatAgree, { what: 'the looks in the table', withinMs: 60_000 });
    const widths = rows.map(([, low, high]) => (high ?? 0) - (low ?? 0));
    expect(widths).toEqual(widths.toSorted((a, b) => b - a));
    expect(new Set(widths).size).toBe(widths.length);
    await expectWhatWasSent();
    figure({
      name: 'Console: chart of accuracy by feedback, its table against the looks of the API',
      wanted: 'equal',
      got: `${rows.length} looks, interval ${widths[0]?.toFixed(1)} to ${widths.at(-1)?.toFixed(1)} points wide`,
      passed: true,
    });
    await shoot();
    expect(operator.problems([401])).toEqual([]);
  });

  /** Sends photos of units, each with feedback. */
  async function send(name: string, count: number): Promise<void> {
    const seen = await stack.send(unitsOf(name, count));
    for (const { body } of seen as readonly (Seen & { body: { variant: Variant } })[]) {
      const before = judged[body.variant];
      const isRight = before.length % 20 >= WRONG[body.variant];
      before.push(isRight);
      expect(await stack.judge(body.id, isRight ? '7' : '1')).toBeLessThan(300);
    }
  }

  async function intervals(): Promise<Look[]> {
    const { looks } = await operator.call<{ looks: Look[] }>(
      'GET',
      `/experiments/${MODEL}/looks?metric=accuracy`,
    );
    return looks.filter(({ low }) => low !== null);
  }

  /** Difference and both ends of each look in points, once the page shows those of the API. */
  async function rowsThatAgree(): Promise<number[][]> {
    const cells = operator.page
      .getByRole('table', { name: 'Accuracy: v2 minus v1' })
      .locator('tbody tr')
      .filter({ hasNot: operator.page.getByText('–', { exact: true }) });
    const texts = await cells.evaluateAll((rows) =>
      rows.map((row) => [...row.querySelectorAll('td')].map(({ textContent }) => textContent ?? '')),
    );
    const shown = texts.map((row) => row.map((text) => Number(text.replace('−', '-'))));
    const looks = await intervals();
    const known = looks.map(({ difference, low, high }) =>
      [difference, low, high].map((share) => Number(((share ?? 0) * 100).toPrecision(3))),
    );
    expect(shown).toEqual(known);
    return shown;
  }

  /** The report of now against an independent count. */
  async function expectWhatWasSent(): Promise<void> {
    const share = (of: readonly boolean[]) => of.filter(Boolean).length / of.length;
    await eventually(async () => {
      const { metrics } = await operator.call<ExperimentReport>('GET', `/experiments/${MODEL}`);
      const accuracy = metrics.find(({ metric }) => metric === 'accuracy');
      const [comparison] = accuracy?.comparisons ?? [];
      expect([accuracy?.control.units, comparison?.units]).toEqual([judged.v1.length, judged.v2.length]);
      expect(comparison?.difference).toBeCloseTo(share(judged.v2) - share(judged.v1), 9);
      expect(comparison?.verdict).toBe('worse');
      return true;
    }, REPORT);
  }

  async function shoot(): Promise<void> {
    const { page } = operator;
    await operator.shoot('chart-light');
    await page.emulateMedia({ colorScheme: 'dark' });
    await operator.shoot('chart-dark');
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize(NARROW);
    await operator.shoot('chart-360px');
    await page.setViewportSize(WIDE);
  }
});
