import { describe, expect, it } from 'vitest';
import { BENCH_PARTS, parseBenchOptions } from './options.ts';

describe('The options of the bench', () => {
  it('default to three rounds of every part, printed only', () => {
    const options = parseBenchOptions([]);
    expect(options).toMatchObject({ rounds: 3, stageMs: 3000, parts: BENCH_PARTS, out: undefined });
  });

  it('are read in seconds and as a list', () => {
    const options = parseBenchOptions(['--seconds', '0.5', '--only', 'gateway,idle', '--out', 'a.md']);
    expect(options).toMatchObject({ stageMs: 500, parts: ['gateway', 'idle'], out: 'a.md' });
  });

  it.each([['--rounds', '0'], ['--seconds', 'long'], ['--only', 'everything'], ['--fast']])(
    'refuse %s %s',
    (...args) => {
      expect(() => parseBenchOptions(args)).toThrow(TypeError);
    },
  );
});
