import { describe, expect, it } from 'vitest';
import { parseBenchOptions } from './options.ts';

const RULES = { script: 'bench', names: ['digits', 'photos', 'idle'], rounds: 3, seconds: 2 };

describe('The options of a benchmark', () => {
  it('default to everything, printed only', () => {
    const options = parseBenchOptions([], RULES);
    expect(options).toEqual({ rounds: 3, stageMs: 2000, only: RULES.names, out: undefined });
    expect(parseBenchOptions([], { ...RULES, usual: ['idle'] }).only).toEqual(['idle']);
  });

  it('are read in seconds and as a list', () => {
    const options = parseBenchOptions(['--seconds', '0.5', '--only', 'photos,idle', '--out', 'a.md'], RULES);
    expect(options).toMatchObject({ stageMs: 500, only: ['photos', 'idle'], out: 'a.md' });
  });

  it.each([['--rounds', '0'], ['--seconds', 'long'], ['--only', 'everything'], ['--fast']])(
    'refuse %s %s and say what there is',
    (...args) => {
      expect(() => parseBenchOptions(args, RULES)).toThrow(/npm run bench -- .*--only digits,photos,idle/);
    },
  );
});
