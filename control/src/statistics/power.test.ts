import { figure } from '@headgate/testkit/figures';
import { percentile } from '@headgate/testkit/stats';
import { expect, it } from 'vitest';
import { plain } from './testing/populations.ts';
import { FULL, unitsUntilVerdict } from './testing/streams.ts';

const STREAMS = FULL ? 1000 : 200;
const CONTROL = 0.9;
/** Normal quantiles of 0.975 and 0.8, added and squared. */
const FACTOR = (1.959964 + 0.841621) ** 2;

/** The price of looking all the time, against one look at a number of units chosen before, with the effect known. */
const PRICE = 2.5;

const effects = FULL ? [1, 2, 5] : [5];

it.each(effects)(
  'finds a difference of %i points in 80 of 100 experiments',
  { timeout: 600_000 },
  (points) => {
    const treatment = CONTROL - points / 100;
    const oneLook = Math.ceil(
      (2 * FACTOR * (CONTROL * (1 - CONTROL) + treatment * (1 - treatment))) / (points / 100) ** 2,
    );
    const options = {
      control: plain(CONTROL),
      treatment: plain(treatment),
      units: Math.ceil(PRICE * oneLook),
    };
    const needed = Array.from(
      { length: STREAMS },
      (_, index) => unitsUntilVerdict(options, (index + 1) * 7919) ?? Number.POSITIVE_INFINITY,
    );
    const units = percentile(needed, 80);
    const passed = units <= PRICE * oneLook;
    figure({
      name: `Units for 80 % power, ${points} points from ${100 * CONTROL} %, ${STREAMS} streams`,
      wanted: `<= ${PRICE} times those of one look (${oneLook})`,
      got: `${units}, ${(units / oneLook).toFixed(2)} times; half of the streams ${percentile(needed, 50)}`,
      passed,
    });
    expect(passed).toBe(true);
  },
);
