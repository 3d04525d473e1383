import { describe, expect, it } from 'vitest';
import { sequenceOf } from '../confidence-sequence.ts';
import { quantileSequence } from '../quantile-sequence.ts';
import { rateSequence } from '../rare-rates.ts';
import { srmTest } from '../srm.ts';
import { addUnit, type Estimate, estimateMean, NO_UNITS, type UnitSums } from '../unit-sums.ts';
import confseq from './confseq.json' with { type: 'json' };
import gbstats from './gbstats.json' with { type: 'json' };
import ssrm from './ssrm-test.json' with { type: 'json' };
import teaTasting from './tea-tasting.json' with { type: 'json' };

/** Vectors of independent packages; make.py makes them. */
describe('agreement with independent packages', () => {
  it.each(gbstats)(
    'gbstats: interval and p-value of $control.units and $treatment.units units, $alpha',
    (of) => {
      const { alpha, tunedFor } = of;
      const [a, b] = [meanOf(of.control), meanOf(of.treatment)];
      const got = sequenceOf(
        { difference: b.value - a.value, units: a.units + b.units, variance: a.variance + b.variance },
        { alpha, tunedFor },
      );
      expect(got.difference).toBeCloseTo(of.difference, 12);
      expect(got.low).toBeCloseTo(of.low, 12);
      expect(got.high).toBeCloseTo(of.high, 12);
      expect(got.pValue).toBeCloseTo(of.pValue, 10);
    },
  );

  it.each(teaTasting)('tea-tasting: the standard error of a ratio, $standardError', (of) => {
    const [control, treatment] = [of.control, of.treatment].map((units) =>
      meanOf(units.reduce((sums, [x = 0, y = 0]) => addUnit(sums, { x, y }), NO_UNITS)),
    ) as [Estimate, Estimate];
    expect(treatment.value - control.value).toBeCloseTo(of.difference, 12);
    expect(Math.sqrt(control.variance + treatment.variance)).toBeCloseTo(of.standardError, 12);
  });

  it.each(confseq.rates)('confseq: $failures failures of $requests, $alpha', (of) => {
    const { low, high } = rateSequence(of, of.alpha);
    expect(low).toBeCloseTo(of.low, 10);
    expect(high).toBeCloseTo(of.high, 10);
  });

  it.each(confseq.quantiles)('confseq: ranks around quantile $p of $n values, $alpha', (of) => {
    const ranks = Array.from({ length: of.n }, (_, index) => index + 1);
    const got = quantileSequence(ranks, of.p, of.alpha);
    const wanted = of.lowest > 0 && of.highest < of.n ? [of.lowest, of.highest + 1] : undefined;
    expect(got && [got.low, got.high]).toEqual(wanted);
  });

  it.each(ssrm)('ssrm-test: $counts with weights $weights', ({ eValue, ...epoch }) => {
    expect(srmTest([epoch]).eValue / eValue).toBeCloseTo(1, 8);
  });
});

function meanOf(sums: UnitSums): Estimate {
  const estimate = estimateMean(sums);
  if (estimate === undefined) throw new Error('expected an estimate');
  return estimate;
}
