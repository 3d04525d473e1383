import { describe, expect, it } from 'vitest';
import { parseOverloadOptions } from '../overload/options.ts';
import { CONTENDERS, parsePeersOptions } from './options.ts';
import { kibOf } from './usage.ts';

describe('The options of the peers benchmark', () => {
  it('default to three rounds of everything', () => {
    expect(parsePeersOptions([])).toMatchObject({
      rounds: 3,
      stageMs: 3000,
      selectMs: 3000,
      only: CONTENDERS,
    });
  });

  it.each([['--rounds', 'many'], ['--seconds', '-1'], ['--only', 'triton'], ['--quick']])(
    'refuse %s %s',
    (...args) => {
      expect(() => parsePeersOptions(args)).toThrow(TypeError);
    },
  );
});

it('The overload benchmark takes its servers by name', () => {
  expect(parseOverloadOptions(['--only', 'headgate,bentoml']).only).toEqual(['headgate', 'bentoml']);
  expect(() => parseOverloadOptions(['--only', 'l1'])).toThrow(TypeError);
});

it('reads the proportional size of a process', () => {
  expect(kibOf('55d0-7ff [rollup]\nRss:  9000 kB\nPss:  4321 kB\nPss_Dirty: 1 kB\n')).toBe(4321);
});
